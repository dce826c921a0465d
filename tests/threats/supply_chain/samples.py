"""Our own hostile samples of all formats, as bytes under file names that peers expect. They are scanned, never loaded.

The rooms' tests hold and explain them; here they are gathered for the benchmark that puts peers beside us.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator

from tests.threats.supply_chain.containers.test_zip import LIES
from tests.threats.supply_chain.formats.test_hdf5 import OUTWARD
from tests.threats.supply_chain.formats.test_hdf5 import h5 as written
from tests.threats.supply_chain.formats.test_keras import CRITICAL
from tests.threats.supply_chain.formats.test_onnx import ATTACKS
from tests.threats.supply_chain.formats.test_templates import ESCAPES
from tests.threats.supply_chain.formats.test_tensorflow import BAD, both, node
from tests.threats.supply_chain.formats.test_yamls import TAGS
from tests.threats.supply_chain.pickles.test_samples import MALICIOUS, SUSPICIOUS


def _archive(value: object) -> bytes:
    """A model as Keras 3 saves it, without weights."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.12.0"}))
        archive.writestr("config.json", value if isinstance(value, str | bytes) else json.dumps(value))
    return out.getvalue()


def _all() -> Iterator[tuple[str, str, bytes]]:
    """Family, file name and bytes."""
    for at, data in enumerate((*MALICIOUS.values(), *SUSPICIOUS.values())):
        yield "pickle", f"pickle_{at}.pkl", data
    for at, (data, _) in enumerate(LIES.values()):
        yield "zip", f"zip_{at}.pt", data
    for at, (value, _) in enumerate(CRITICAL.values()):
        yield "keras", f"keras_{at}.keras", _archive(value)
    for at, (fill, _, _) in enumerate(OUTWARD.values()):
        yield "hdf5", f"hdf5_{at}.h5", written(fill, libver="latest")
    for at, (build, _) in enumerate(ATTACKS.values()):
        yield "onnx", f"onnx_{at}.onnx", build().SerializeToString()
    for name in BAD:
        yield "tensorflow", f"tensorflow_{name}_saved_model.pb", next(iter(both(node("z", name, "y"))))
    for at, template in enumerate(ESCAPES.values()):
        yield "jinja", f"jinja_{at}_tokenizer_config.json", json.dumps({"chat_template": template}).encode()
    for at, text in enumerate(TAGS):
        yield "yaml", f"yaml_{at}.yaml", text.encode()


SAMPLES: dict[str, tuple[str, bytes]] = {name: (family, data) for family, name, data in _all()}
"""Family and bytes by file name."""
