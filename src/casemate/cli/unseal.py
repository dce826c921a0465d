"""``casemate unseal``."""

from __future__ import annotations

from pathlib import Path

from casemate.cli.services import open_services
from casemate.cli.terminal import console, watching
from casemate.core.errors import UsageError
from casemate.custody.envelope import decrypt_file, decrypt_folder, open_encrypted
from casemate.custody.envelope.folders import SUFFIX


def unseal(
    path: Path,
    /,
    *,
    key_service: list[str],
    out: Path | None = None,
    overwrite: bool = False,
    least: int = 1,
    check: bool = False,
) -> int:
    """Open a sealed file or folder again; nothing appears before all of a file verified. Exit code 4: it was changed.

    Examples:
      casemate unseal model.safetensors.sealed --key-service file:models.kek
      casemate unseal sealed/ --key-service hpke:alice.key --out model/
      casemate unseal m.sealed --key-service transit:transit/models --out m --least 3
      casemate unseal m.sealed --key-service file:models.kek --check

    Args:
        path: sealed file, or a folder of them.
        key_service: key that opens it: file:PATH, hpke:PATH, transit:MOUNT/NAME, awskms:KEY_ID or pkcs11:TOKEN/LABEL
            (may be given several times).
        out: where the plaintext appears; a file's name without ".sealed" if not given.
        overwrite: replace what is there already.
        least: refuse a header that is older than this rotation, as "casemate key rotate" printed it; for a file.
        check: only verify that nothing was changed, and write nothing; for a file.
    """
    keys = open_services(key_service)
    with watching() as observer:
        if check:
            with open_encrypted(path, keys, least=least) as opened:
                opened.check(observer)
            about = f"{opened.size:,} bytes, rotation {opened.sequence}, opens with {', '.join(opened.keys)}"
            console().print(f"intact  {path}  {about}", soft_wrap=True, markup=False)
            return 0
        if path.is_dir():
            if out is None or least != 1:
                raise UsageError(
                    "a folder is unsealed into another, and its files have rotations of their own",
                    next_step="give --out, and no --least",
                )
            done = decrypt_folder(path, out, keys, overwrite=overwrite, observer=observer)
        else:
            goal = _goal(path) if out is None else out
            done = [decrypt_file(path, goal, keys, least=least, overwrite=overwrite, observer=observer)]
    terminal = console()
    for each in done:
        line = f"unsealed  {each.path}  {each.size:,} bytes, rotation {each.sequence}"
        terminal.print(line, soft_wrap=True, markup=False)
    return 0


def _goal(path: Path) -> Path:
    if path.suffix != SUFFIX:
        raise UsageError(f"{path} does not end in {SUFFIX}", next_step="say where the plaintext goes: --out FILE")
    return path.with_suffix("")
