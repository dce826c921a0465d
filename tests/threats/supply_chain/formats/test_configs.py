"""Settings in JSON and YAML: what they make loaders do is told, whatever the file is called."""

from __future__ import annotations

import json

import pytest

from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.samples import assert_clean, found, rule, scan

CONFIG = {"architectures": ["BertModel"], "model_type": "bert", "hidden_size": 768, "torch_dtype": "float32"}
NEMO = """
name: tiny
sample_rate: &rate 16000
preprocessor:
  _target_: nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor
  sample_rate: *rate
  normalize: per_feature
encoder:
  _target_: nemo.collections.asr.modules.ConformerEncoder
  self_attention_model: rel_pos
optim: {name: adamw, lr: 0.001, betas: [0.9, 0.98]}
"""
MLFLOW = """
artifact_path: model
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.pkl
    python_version: 3.11.7
  sklearn:
    code: null
    pickled_model: model.pkl
    serialization_format: cloudpickle
run_id: 0123
"""


def test_settings_of_honest_models_are_clean() -> None:
    assert_clean(json.dumps(CONFIG, indent=2).encode(), "json")
    assert_clean(NEMO.encode(), "text")
    assert_clean(MLFLOW.encode(), "text")
    assert_clean(
        b"channels:\n- conda-forge\ndependencies:\n- python=3.11\n- pip:\n  - mlflow==3.1\n  - numpy\n", "text"
    )
    assert scan(NEMO.encode()).about["kind"] == "yaml"
    tokenizer = {"chat_template": "{{ messages[0].content }}", "model_max_length": 1e30, "bos_token": "{{"}
    assert_clean(json.dumps(tokenizer).encode(), "json")
    assert_clean(b'{"text": "a"}\n{"text": "b"}\n', "json")


BAD = [
    ({"model": {"deep": [{"_target_": "os.system", "command": "id"}]}}, "config.gadget"),
    ({"a": {"_target_": "subprocess.Popen", "args": ["id"]}}, "config.gadget"),
    ({"a": {"class_path": "builtins.exec", "init_args": {}}}, "config.gadget"),
    ({"a": {"target": "builtins.eval", "params": {}}}, "config.gadget"),
    ({"a": {"_target_": "hydra.utils.get_method", "path": "os.system"}}, "config.gadget"),
    ({"a": {"_target_": "builtins.getattr", "_args_": [{"_target_": "builtins.__import__"}]}}, "config.gadget"),
    ({"a": {"_target_": "my.Model"}}, "config.unknown-target"),
    ({"a": {"_target_": "torch.nn.Linear.__init__"}}, "config.unknown-target"),
    ([{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}], "config.unknown-target"),
    ({"flavors": {"python_function": {"loader_module": "evil"}}}, "config.unknown-target"),
    ({"flavors": {"python_function": {"loader_module": "mlflow.pyfunc.model", "code": "code"}}}, "config.python-model"),
    ({"auto_map": {"AutoModel": "modeling_evil.Evil"}}, "config.remote-code"),
    ({"auto_map": ["tokenization_evil.Evil", None]}, "config.remote-code"),
    ({"vision_config": {"auto_map": {"AutoModel": "someone/evil--modeling_evil.Evil"}}}, "config.foreign-code"),
    ({"custom_pipelines": {"x": {"impl": "evil.Pipeline", "pt": ["AutoModel"]}}}, "config.remote-code"),
    ({"auto_mapping": {"parent_library": "evil", "base_model_class": "E"}}, "config.unknown-target"),
    ({"_class_name": "EvilPipeline"}, "config.unknown-pipeline"),
    ({"trust_remote_code": True}, "config.trust"),
    ({"py/object": "os.system"}, "config.jsonpickle"),
    ({"base_model_name_or_path": "/etc"}, "config.path"),
    ({"base_model_name_or_path": "a/../../etc"}, "config.path"),
    ({"pip_requirements": ["--extra-index-url http://127.0.0.1/ x"]}, "config.requirement"),
    ({"dependencies": [{"pip": ["x @ https://example.org/x.whl"]}]}, "config.requirement"),
    ({"chat_template": "{{ x.__class__ }}"}, "jinja.attribute"),
    ({"chat_template": [{"name": "default", "template": "{{ lipsum }}"}]}, "jinja.global"),
    ({"chat_template": ["{% for a in", " x.__class__ %}{% endfor %}"]}, "jinja.attribute"),
    ({"prompt": {"system": "{{ x|attr('y') }}"}}, "jinja.attribute"),
    ({"mcpServers": {"x": {"command": "sh"}}}, "config.command"),
    ({"lc": 1, "type": "constructor", "id": ["evil", "Tool"]}, "config.unknown-target"),
]


@pytest.mark.parametrize(("value", "fact"), BAD, ids=lambda part: part if isinstance(part, str) else "")
def test_what_settings_make_a_loader_do_is_told(value: object, fact: str) -> None:
    outcome = scan(json.dumps(value).encode())
    assert rule(fact) in {finding.rule for finding in outcome.findings}
    assert all(finding.logical for finding in outcome.findings)
    yaml = json.dumps(value, indent=1)  # JSON is YAML; behind a document's mark it is read as such
    assert rule(fact) in found(f"---\n{yaml}\n".encode())


def test_the_later_lines_are_judged_like_the_first() -> None:
    assert rule("config.gadget") in found(b'{"a": 1}\n{"b": {"_target_": "os.system"}}\n')


def test_json_that_breaks_off_is_unreadable_and_no_text() -> None:
    broken = json.dumps({"model": {"_target_": "os.system"}, "padding": "x" * 40})[:-1]
    assert scan(broken.encode()).verdict is Verdict.UNREADABLE
    assert scan((broken + "} // note").encode()).verdict is Verdict.UNREADABLE
    assert_clean(b"[tool.x]\na = 1\n", "text")
    assert_clean(b"{'a': 1}", "text")
