"""The planted cases of the benchmark: recall, and that each family of detectors is what finds them."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks._planted import Case, advisories, cases

from casemate.threats.supply_chain.dependencies.database import Database, open_database
from casemate.threats.supply_chain.dependencies.scan import scan_dependencies
from casemate.threats.supply_chain.secrets.scan import scan_secrets
from tests.threats.supply_chain.dependencies.trees import planted


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp("osv")
    return open_database(planted(folder / "osv", advisories()), folder / "cache")


def test_there_are_a_hundred() -> None:
    assert len(cases()) >= 100
    assert len({(case.kind, case.name) for case in cases()}) == len(cases())


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.kind}: {case.name}")
def test_every_planted_case_is_found(case: Case, database: Database, tmp_path: Path) -> None:
    planted(tmp_path, case.files)
    findings = [*scan_dependencies(tmp_path, database).findings, *scan_secrets(tmp_path).findings]
    assert {finding.rule for finding in findings} & set(case.rules)


BENIGN = {
    "requirements.txt": "numpy==2.1.0\npandas==2.2.0\nscikit-learn==1.6.0\npython-dateutil==2.9.0\ntypes-requests==2.32.0\n",  # noqa: E501
    "setup.py": "import os\nimport subprocess\nfrom setuptools import setup\n"
    "version = subprocess.check_output(['git', 'describe']).decode()\nsetup(name='x', version=os.environ.get('V', version))\n",  # noqa: E501
    "pkg/__init__.py": "from importlib import import_module\n\n\ndef __getattr__(name):\n    return import_module(f'.{name}', __name__)\n",  # noqa: E501
    "pkg/data/__init__.py": "import urllib.request\n\n\ndef download(url):\n    return urllib.request.urlopen(url).read()\n",  # noqa: E501
    "package.json": '{"scripts": {"test": "curl localhost", "prepare": "husky install"}, "dependencies": {"react": "18.2.0"}}',  # noqa: E501
    "x.pth": "../src\n# import nothing\n",
    ".env.example": "API_KEY=your-api-key\nPASSWORD=changeme\n",
    "app.py": "password = os.environ['PASSWORD']\ntoken = request.headers.get('Authorization')\n",
}


def test_ordinary_trees_are_clean(database: Database, tmp_path: Path) -> None:
    planted(tmp_path, BENIGN)
    findings = [*scan_dependencies(tmp_path, database).findings, *scan_secrets(tmp_path).findings]
    assert [finding for finding in findings if finding.severity.rank <= 2] == []
