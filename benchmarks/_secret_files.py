# ruff: noqa: E501 - files are shown as they are written
"""Files that secrets lie in, and files that only look like it. Drawn from a seed; nothing was ever issued.

A file with a secret is written as people write it (settings, code, shell history, logs), with other settings around.
A file without one holds what scanners stumble over: placeholders, references, UUIDs, hashes, lock files, minified code,
images in base 64, tests. Where a string stands for a credential in them, it says itself that it is none.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks._secret_kinds import KINDS, Kind
from casemate.patterns.samples import sample


class Written(NamedTuple):
    """A file, and the secret in it.

    Attributes:
        kind: of the secret, or of the look-alike.
        held_out: whether rules were never tuned on its kind.
        name: with its folders.
        text: what is in it.
        secret: as it stands in the text; "" where there is none.
    """

    kind: str
    held_out: bool
    name: str
    text: str
    secret: str = ""


def _camel(name: str) -> str:
    first, *rest = name.lower().split("_")
    return first + "".join(map(str.capitalize, rest))


def _env(name: str, secret: str) -> tuple[str, str]:
    return ".env", f"APP_ENV=production\nLOG_LEVEL=info\nPORT=8080\n{name}={secret}\nCACHE_TTL=3600\n"


def _yaml(name: str, secret: str) -> tuple[str, str]:
    body = f'service:\n  name: orders\n  replicas: 3\n  {name.lower()}: "{secret}"\n  region: eu-west-1\n'
    return "deploy/values.yaml", body


def _python(name: str, secret: str) -> tuple[str, str]:
    body = f'"""Client of the service."""\nimport os\n\nTIMEOUT = 30\n{name} = "{secret}"\n\n\ndef connect():\n    return {name}\n'
    return "app/client.py", body


def _script(name: str, secret: str) -> tuple[str, str]:
    body = f"const config = {{\n  retries: 3,\n  {_camel(name)}: '{secret}',\n  baseUrl: '/v2',\n}};\nexport default config;\n"
    return "src/config.js", body


def _terraform(name: str, secret: str) -> tuple[str, str]:
    body = f'variable "region" {{\n  default = "eu-west-1"\n}}\n\nlocals {{\n  {name.lower()} = "{secret}"\n}}\n'
    return "infra/main.tf", body


def _json(name: str, secret: str) -> tuple[str, str]:
    return "config/settings.json", json.dumps({"debug": False, _camel(name): secret, "workers": 4}, indent=2)


def _history(name: str, secret: str) -> tuple[str, str]:
    return ".bash_history", f"cd /srv/app\ngit pull\nexport {name}='{secret}'\nmake deploy\nexit\n"


def _docker(name: str, secret: str) -> tuple[str, str]:
    return (
        "Dockerfile",
        f'FROM python:3.12-slim\nWORKDIR /app\nENV {name}="{secret}"\nCOPY . .\nCMD ["python", "-m", "app"]\n',
    )


def _ini(name: str, secret: str) -> tuple[str, str]:
    return "etc/app.ini", f"[server]\nworkers = 4\n\n[service]\n{name.lower()} = {secret}\ntimeout = 30\n"


def _log(name: str, secret: str) -> tuple[str, str]:
    body = (
        "2026-03-04T10:00:00Z INFO  worker started pid=4711\n"
        f"2026-03-04T10:00:01Z DEBUG loaded settings {name}={secret} region=eu-west-1\n"
        "2026-03-04T10:00:02Z INFO  listening on 0.0.0.0:8080\n"
    )
    return "logs/app.log", body


PLACES: tuple[Callable[[str, str], tuple[str, str]], ...] = (
    _env, _yaml, _python, _script, _terraform, _json, _history, _docker, _ini, _log,
)  # fmt: skip
"""What a secret of one line is written into: two strings (a name, the secret) make a file's name and its text."""


def _pem(name: str, secret: str) -> Iterator[tuple[str, str, str]]:
    """A key of several lines: alone, quoted in code, and with its line breaks escaped or indented."""
    escaped = secret.replace("\n", "\\n")
    indented = secret.replace("\n", "\n    ")
    yield "home/.ssh/id_service", f"{secret}\n", secret
    yield "app/keys.py", f'{name} = """{secret}"""\n', secret
    yield ".env", f'PORT=8080\n{name}="{escaped}"\n', escaped
    yield "service-account.json", f'{{\n  "type": "service_account",\n  "{name.lower()}": "{escaped}\\n"\n}}\n', escaped
    yield "deploy/secret.yaml", f"data:\n  {name.lower()}: |\n    {indented}\n", indented


def positives(draws: int, seed: int) -> Iterator[Written]:
    """Every kind in every place, so many times."""
    for kind in KINDS:
        for number in range(draws):
            chance = random.Random(f"{seed}|{kind.name}|{number}")
            for place, (name, text, secret) in enumerate(_written(kind, chance, f"{seed}|{number}")):
                yield Written(kind.name, kind.held_out, f"{number}-{place}/{name}", text, secret)


def _written(kind: Kind, chance: random.Random, seed: str) -> Iterator[tuple[str, str, str]]:
    for number, place in enumerate(PLACES if kind.shape != "pem" else (None,)):
        secret, name = kind.draw(f"{seed}|{number}"), chance.choice(kind.names)
        if place is None:
            yield from _pem(name, secret)
        else:
            yield *place(name, secret), _core(kind, secret)


def _core(kind: Kind, secret: str) -> str:
    """The password of a URL; anything else is secret as a whole."""
    if kind.shape != "url":
        return secret
    return secret.partition("://")[2].partition("@")[0].partition(":")[2]


_PLACEHOLDERS = (
    "your-api-key-here", "<YOUR_API_KEY>", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "changeme", "REPLACE_ME", "${API_KEY}",
    "{{ api_key }}", "YOUR_SECRET_KEY_GOES_HERE", "sk_test_xxxxxxxxxxxxxxxxxxxxxxxx", "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFWI/K7MDENG/bPxRfiCYEXAMPLEKEY", "************************", "insert-token-here",
    "TODO", "example-token-1234567890", "00000000000000000000000000000000", "%(api_key)s", "$(cat /run/secrets/key)",
    "my-secret-token", "sk-ant-api03-...", "sk-your-openai-api-key", "not-a-real-token", "dummy-password", "!Ref ApiKey",
    "os.environ['API_KEY']", "vault:secret/data/app#key", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app",
    "projects/acme/secrets/api-key/versions/latest", "op://Engineering/service/credential", "ssm:/prod/api/key", "REDACTED",
)  # fmt: skip
_CODE = (
    ("lexer.py", "token = self.tokenizer.next_token(stream, peek=True)\nsecret_key = settings.SECRET_KEY\n"),
    ("auth.py", "password = getpass.getpass('Password: ')\napi_key = request.headers.get('X-Api-Key')\n"),
    ("form.js", "const password = document.getElementById('password').value;\nlet apiKey = process.env.API_KEY;\n"),
    ("model.py", "class Login(BaseModel):\n    password: str = Field(min_length=12, description='The password')\n"),
    ("main.go", 'token := os.Getenv("API_TOKEN")\nif token == "" {\n\tlog.Fatal("API_TOKEN is not set")\n}\n'),
    ("app.ts", "this.authToken = await this.authenticationService.fetchAuthenticationToken(userName);\n"),
    ("k8s.yaml", "env:\n- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: orders-database\n      key: password\n"),
    ("ci.yml", "env:\n  TOKEN: ${{ secrets.GITHUB_TOKEN }}\n  API_KEY: ${{ secrets.PARTNER_API_KEY }}\n"),
    ("messages_de.json", '{"password": "Passwort vergessen?", "token_expired": "Ihre Sitzung ist abgelaufen"}'),
    ("Main.java", 'private static final String TOKEN_HEADER_NAME = "X-Authentication-Token";\nString keyAlias = "payment-service-signing";\n'),
    ("vars.tf", 'variable "db_password" {\n  type      = string\n  sensitive = true\n}\npassword = var.db_password\n'),
    ("nginx.conf", "ssl_certificate_key /etc/ssl/private/site.key;\nauth_basic_user_file /etc/nginx/.htpasswd;\n"),
    ("tests/test_login.py", 'def test_login(client):\n    assert client.post("/login", json={"password": "wrong-password"}).status_code == 401\n'),
    ("tests/conftest.py", 'TEST_TOKEN = "test-token"\nTEST_PASSWORD = "password123"\nAPI_KEY = "test-api-key"\n'),
    ("tests/fixtures/user.json", '{"username": "alice", "password": "secret", "api_key": "dummy-key-for-tests"}'),
    ("schema.sql", "CREATE TABLE users (password_hash VARCHAR(255) NOT NULL, api_token_id BIGINT REFERENCES tokens(id));\n"),
)  # fmt: skip
_SHAPES = {
    "UUIDs": ("ids.log", "request_id=<uuid> trace={<hex:32>} session <uuid> done\n" * 5),
    "UUIDs in JSON": ("items.json", '{"id": "<uuid>", "correlationId": "<uuid>", "tenant": "<uuid>"}\n' * 3),
    "checksums": ("SHA256SUMS", "<hex:64>  release-1.2.3.tar.gz\n<hex:64>  release-1.2.3.zip\n"),
    "commits": ("history.md", "- fixed in commit <hex:40>, see also <hex:40>\n- sha1: <hex:40>\n- md5: <hex:32>\n"),
    "image by digest": ("deploy.yaml", "image: registry.internal/app@sha256:<hex:64>\netag: \"<hex:32>\"\n"),
    "package-lock": ("package-lock.json", '"node_modules/left-pad": {"version": "1.3.0", "integrity": "sha512-<b64:86>=="}\n' * 6),
    "yarn.lock": ("yarn.lock", 'left-pad@^1.3.0:\n  resolved "https://registry.yarnpkg.com/left-pad/-/left-pad-1.3.0.tgz#<hex:40>"\n'
                  "  integrity sha512-<b64:86>==\n"),
    "poetry.lock": ("poetry.lock", '{file = "pkg-1.0.whl", hash = "sha256:<hex:64>"},\n' * 6),
    "go.sum": ("go.sum", "github.com/pkg/errors v0.9.1 h1:<b64:43>=\ngithub.com/pkg/errors v0.9.1/go.mod h1:<b64:43>=\n"),
    "Cargo.lock": ("Cargo.lock", '[[package]]\nname = "serde"\nchecksum = "<hex:64>"\n'),
    "requirements": ("requirements.txt", "django==5.2.1 \\\n    --hash=sha256:<hex:64> \\\n    --hash=sha256:<hex:64>\n"),
    "minified script": ("static/app.min.js", "!function(e,t){var <alpha:2>=e.token||t.key,<alpha:2>={apiKey:n.apiKey,"
                        "secret:r(<digit:3>),password:o.password};return <alpha:1>.<alpha:3>(<alpha:2>?<digit:2>:<hex:2>)}(this);" * 30),
    "source map": ("app.js.map", '{"version":3,"mappings":"<alpha:60>,<alpha:60>;<b64:400>","names":["token","key"]}'),
    "bundle names": ("index.html", '<script src="/assets/main.<hex:20>.js" integrity="sha384-<b64:64>" nonce="<b64:22>=="></script>\n'),
    "image": ("logo.html", '<img alt="logo" src="data:image/png;base64,iVBORw0KGgo<b64:1500>==">\n'),
    "font": ("fonts.css", "@font-face{src:url(data:font/woff2;base64,d09GMgAB<b64:2000>)}\n"),
    "certificate": ("ca.pem", "-----BEGIN CERTIFICATE-----<nl>MIID<b64:60><nl><b64:64><nl><b64:64><nl>-----END CERTIFICATE-----\n"),
    "public key": ("key.pub", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ<b64:340>= deploy@build\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI<b64:43> a@b\n"),
    "PEM public key": ("pub.pem", "-----BEGIN PUBLIC KEY-----<nl>MIIB<b64:60><nl><b64:64><nl>-----END PUBLIC KEY-----\n"),
    "cloud ids": ("state.txt", "vpc-<hex:17> subnet-<hex:17> i-<hex:17> ami-<hex:17> sg-<hex:17> arn:aws:iam::<digit:12>:role/deploy\n"),
    "notebook output": ("run.ipynb", '{"cells": [{"cell_type": "code", "source": ["plot()"], "outputs": [{"data": {"image/png": "iVBORw0KGgo<b64:800>"}}]}]}'),
    "numbers": ("data.csv", "id,token_count,key_size,amount\n" + "<digit:8>,<digit:4>,2048,<digit:5>.<digit:2>\n" * 8),
    "publishable keys": ("web.js", "const map = {id: 'acme-<digit:5>', style: 'mapbox://styles/acme/<lownum:25>'};\n"),
    "content hashes": ("manifest.json", '{"main.js": "main.<hex:20>.js", "etag": "<hex:40>", "buildId": "<hex:40>", "checksum": "<hex:64>"}'),
}  # fmt: skip


def negatives(draws: int, seed: int) -> Iterator[Written]:
    """Look-alikes: every placeholder in every place, code about secrets, and shapes drawn so many times."""
    names = ("API_KEY", "SECRET_KEY", "ACCESS_TOKEN", "DB_PASSWORD", "AUTH_TOKEN", "CLIENT_SECRET")
    for number, placeholder in enumerate(_PLACEHOLDERS):
        for place, written in enumerate(PLACES):
            name, text = written(names[(number + place) % len(names)], placeholder)
            yield Written("placeholder", _odd(placeholder), f"p{number}-{place}/{name}", text)
    for number, (name, text) in enumerate(_CODE):
        yield Written("code about secrets", _odd(text), f"c{number}/{name}", text)
    for kind, (name, text) in _SHAPES.items():
        for number in range(draws):
            drawn = sample(text, f"{seed}|{kind}|{number}")
            yield Written(kind, _odd(kind), f"s{number}-{kind.replace(' ', '_')}/{name}", drawn)


def _odd(text: str) -> bool:
    return bool(hashlib.sha256(text.encode()).digest()[-1] % 2)
