"""Prints names/tensorflow.toml: the operations of TensorFlow that only compute, and those that do more.

    python tools/list_tensorflow_names.py

Every operation that the installed TensorFlow registers is looked at by name. DENIED operations leave the graph (files,
network, Python, native code of their own). HELD operations touch files or other machines in ordinary training or
serving, but have no place in a graph that is only to be run; they are in no list, and so unknown. All others compute.
"""

from __future__ import annotations

import re

import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session
from tensorflow.python.framework import op_def_registry

DENIED = {
    "tensorflow.write": """
        WriteFile WriteScalarSummary WriteSummary WriteGraphSummary WriteAudioSummary WriteImageSummary
        WriteHistogramSummary WriteRawProtoSummary CreateSummaryFileWriter CreateSummaryDbWriter ImportEvent Save
        SaveSlices SaveDataset SaveDatasetV2 DatasetToTFRecord DeleteFile RenameFile Mkdir
    """,
    "tensorflow.read": """
        ReadFile MatchingFiles Restore RestoreSlice LoadDataset FixedLengthRecordReader FixedLengthRecordReaderV2
        TextLineReader TextLineReaderV2 TFRecordReader TFRecordReaderV2 WholeFileReader WholeFileReaderV2
        IdentityReader LMDBReader LMDBDataset TextLineDataset TFRecordDataset TFRecordDatasetV2
        FixedLengthRecordDataset FixedLengthRecordDatasetV2 CSVDataset CSVDatasetV2 SqlDataset MatchingFilesDataset
        ReaderRead ReaderReadV2 ReaderReadUpTo ReaderReadUpToV2 ImmutableConst DatasetFromGraph
        GenerateVocabRemapping LoadAndRemapMatrix InitializeTableFromDataset SnapshotDataset SnapshotDatasetV2
        SnapshotDatasetReader SnapshotChunkDataset SnapshotNestedDatasetReader ListSnapshotChunksDataset
        BigQueryReader LoadTPUEmbeddingADAMParameters
    """,
    "tensorflow.code": """
        PyFunc PyFuncStateless EagerPyFunc NumpyFunction GeneratorDataset XlaLaunch _XlaRun _XlaCompile
        XlaCustomCall XlaCustomCallV2 TPUExecute IpuCustomOp TfLiteCustomOp RemoteFusedGraphExecute TRTEngineOp
    """,
    "tensorflow.network": """
        RpcCall RpcClient RpcServer RpcServerStart RpcServerRegister Rpc TryRpc DataServiceDataset
        DataServiceDatasetV2 DataServiceDatasetV3 DataServiceDatasetV4 RegisterDataset RegisterDatasetV2 RemoteCall
        DistributedSave _Send _Recv _HostSend _HostRecv CollectiveGather CollectiveReduce CollectiveBcastSend
        CollectiveBcastRecv DebugIdentity DebugIdentityV2 DebugIdentityV3 DebugNumericSummary DebugNanCount
        DebugNumericSummaryV2 ConfigureDistributedTPU GrpcRequest AudioSummaryUrl
    """,
}  # fmt: skip
HELD = re.compile(
    r"(?i)^_|debug|summary|file|rpc|tpu|xla|collective|send|recv|snapshot|service|dataset.*(file|disk)|distributed|remote|"
    r"url|socket|lmdb|sql|bigquery|save|restore|checkpoint|reader|barrier|stage|unstage|composite|mlir|trt|custom|dataset|iterator|cache"
)
SERVED = """
SaveV2 RestoreV2 MergeV2Checkpoints ShardedFilename ShardedFilespec _Retval _Arg Cast XlaEinsum XlaDot XlaConvV2
XlaGather XlaPad XlaDynamicSlice XlaDynamicUpdateSlice CollectiveReduceV2 InitializeTableFromTextFile
InitializeTableFromTextFileV2 StringJoin HashTableV2 _FusedBatchNormEx _FusedConv2D _FusedMatMul AudioSummary
AudioSummaryV2 HistogramSummary ImageSummary MergeSummary ScalarSummary TensorSummary TensorSummaryV2 Stage
Unstage
""".split()  # noqa: SIM905


def registered() -> list[str]:
    """Every operation of the installed TensorFlow."""
    operations = op_def_pb2.OpList()
    operations.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    assert op_def_registry.get("Add") is not None
    return sorted(each.name for each in operations.op)


def main() -> None:
    """Print the lists."""
    deny = {name: fact for fact, names in DENIED.items() for name in names.split()}
    allow = [name for name in registered() if name not in deny and (name in SERVED or not HELD.search(name))]
    allow = sorted({*allow, *(name for name in SERVED if name not in deny)})
    print(f"# Operations of TensorFlow {tf.__version__}; written by tools/list_tensorflow_names.py.\n")
    print('["tensorflow.operation"]\nunknown = "tensorflow.operation"')
    print("allow = [\n" + "".join(f'    "{name}",\n' for name in allow) + "]\n")
    print('["tensorflow.operation".deny]')
    for name, fact in sorted(deny.items()):
        print(f'"{name}" = "{fact}"')


if __name__ == "__main__":
    main()
