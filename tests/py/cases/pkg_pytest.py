# pytest: collects and runs a file of tests with fixtures, parameters, marks and failures; a plugin takes the results.
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
Path("conftest.py").write_text("""
import pytest
@pytest.fixture(scope="session")
def numbers():
    yield [1, 2, 3]
""")
Path("test_some.py").write_text('''
import sys, warnings
import pytest

@pytest.fixture
def words(tmp_path):
    (tmp_path / "w").write_text("a b")
    return (tmp_path / "w").read_text().split()

def test_good(words, numbers): assert words == ["a", "b"] and sum(numbers) == 6

@pytest.mark.parametrize("a,b", [(1, 1), (2, 4), pytest.param(3, 8, id="odd")])
def test_square(a, b): assert a * a == b

@pytest.mark.skip(reason="not now")
def test_skipped(): raise SystemExit

@pytest.mark.xfail(strict=True)
def test_expected(): assert {"k": [1, 2]} == {"k": [1, 3]}

def test_raises():
    with pytest.raises(ZeroDivisionError, match="division"): 1 / 0
    assert 0.1 + 0.2 == pytest.approx(0.3)

def test_captured(capsys, monkeypatch):
    monkeypatch.setenv("CASE", "1")
    print("out"); print("err", file=sys.stderr)
    assert capsys.readouterr() == ("out\\n", "err\\n")

def test_descriptors(capfd):
    import os; os.write(1, b"raw"); assert capfd.readouterr().out == "raw"

class TestGroup:
    def setup_method(self): self.ready = True
    def test_ready(self): assert self.ready
    def test_broken(self, no_such_fixture): pass
''')


class Results:
    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            print(report.nodeid, report.when, report.outcome)
            if report.failed:
                print(*[line for line in report.longreprtext.splitlines() if line.startswith("E ")], sep="\n")

    def pytest_sessionfinish(self, session, exitstatus):
        print("collected", session.testscollected, "failed", session.testsfailed, int(exitstatus))


quiet = ["-p", "no:cacheprovider", "-p", "no:terminal", "--rootdir=.", "-c", "/dev/null"]
print(pytest.main(quiet + ["test_some.py"], plugins=[Results()]))
print(pytest.main(quiet + ["-k", "square and not odd", "test_some.py"], plugins=[Results()]))
