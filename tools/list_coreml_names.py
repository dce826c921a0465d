"""Prints names/coreml.toml: the operations that coremltools registers for its intermediate language.

python tools/list_coreml_names.py
"""

from __future__ import annotations

import coremltools
from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry

SKIPPED = ("custom",)


def main() -> None:
    """Print the list."""
    names = {name for name in SSAOpRegistry.core_ops if not name.startswith(SKIPPED)} | {
        "const",
        "constexpr_sparse_to_dense",
    }
    print(f"# Operations of coremltools {coremltools.__version__}; written by tools/list_coreml_names.py.\n")
    print('["coreml.operation"]\nunknown = "coreml.operation"')
    print("allow = [\n" + "".join(f'    "{name}",\n' for name in sorted(names)) + "]")


if __name__ == "__main__":
    main()
