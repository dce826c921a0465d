"""What a Python file calls when it runs, by its syntax tree, without running it.

Names are followed through imports and simple assignments (``e = exec``, ``getattr(builtins, "ex" + "ec")``,
``__import__``).
A function that is defined counts as run, because the file itself, or a command class of setuptools, calls it; the
room for
false alarms that this leaves is taken back by reporting, at import time, only decoded, fetched, or hidden code.

Bounds: ``ast.parse`` is called on at most ``MOST`` bytes with at most ``DEEPEST`` brackets open at once; what it
refuses is unreadable. The walk is over a list, each node once.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

_POWERFUL = frozenset({"builtins", "__builtins__", "os", "subprocess", "socket", "ctypes", "importlib", "posix", "nt"})
MOST = 2 << 20
DEEPEST = 150
LONG_LITERAL = 2000
_RUN = frozenset(
    {
        "exec",
        "eval",
        "compile",
        "builtins.exec",
        "builtins.eval",
        "builtins.compile",
        "types.FunctionType",
        "marshal.loads",
        "pickle.loads",
    }
)
_DECODE = re.compile(
    r"(?:base64\.\w*decode\w*|zlib\.decompress\w*|gzip\.decompress|bz2\.decompress|lzma\.decompress|marshal\.loads|codecs\.decode"
    r"|binascii\.(?:unhexlify|a2b_\w+)|bytes\.fromhex|bytearray\.fromhex|fernet\.\w+|cryptography\.fernet\.Fernet|pickle\.loads|rot13)$"
)
_PROCESS = re.compile(
    r"(?:os\.(?:system|popen|exec\w+|spawn\w+|posix_spawn\w*|startfile)|subprocess\.(?:run|call|check_call|check_output|Popen|getoutput|getstatusoutput)"
    r"|commands\.getoutput|pty\.spawn|asyncio\.create_subprocess_\w+|ctypes\.windll\..*|webbrowser\.open\w*)$"
)
_NETWORK = re.compile(
    r"(?:urllib\.request\.(?:urlopen|urlretrieve|Request)|urllib2?\.urlopen|http\.client\.HTTPS?Connection|requests\.(?:get|post|put|request|Session|session)"
    r"|httpx\.(?:get|post|Client)|aiohttp\.ClientSession|socket\.(?:socket|create_connection|gethostbyname|getaddrinfo)|ftplib\.FTP|smtplib\.SMTP\w*|xmlrpc\.client\.ServerProxy"
    r"|dns\.resolver\.\w+)$"
)
_HARVEST = re.compile(
    r"os\.environ(?:\.(?:copy|items|keys|values))?$|getpass\.getuser$|platform\.(?:node|uname)$|socket\.gethostname$|os\.getlogin$"
)
_CREDENTIALS = re.compile(
    r"\.ssh/|id_rsa|\.aws/credentials|\.netrc|\.pypirc|\.npmrc|\.docker/config|wallet\.dat|Login Data|\.kube/config"
    r"|/etc/passwd|/etc/shadow|\.huggingface/token|\.git-credentials"
)
_PLACES = re.compile(
    r"\.bashrc|\.zshrc|\.profile|\.bash_profile|crontab|/etc/cron|systemd/|LaunchAgents|Startup\b|CurrentVersion\\+Run|sitecustomize|usercustomize|\.pth$|authorized_keys|autostart"
)


@dataclass
class Calls:
    """What was seen, each with its line.

    Attributes:
        decoded, fetched, computed: code that is run although it does not stand in the file.
        process, network: the first process started, the first connection made.
        harvest: reads what identifies the machine or opens things, beside a connection.
        writes: files opened for writing in places that run by themselves.
        obfuscated: a sign of hiding.
        unreadable: why the file was not read, or "".
    """

    decoded: list[tuple[int, str]] = field(default_factory=list)
    fetched: list[tuple[int, str]] = field(default_factory=list)
    computed: list[tuple[int, str]] = field(default_factory=list)
    writes: list[tuple[int, str]] = field(default_factory=list)
    process: tuple[int, str] | None = None
    network: tuple[int, str] | None = None
    harvest: tuple[int, str] | None = None
    obfuscated: tuple[int, str] | None = None
    unreadable: str = ""


def calls(source: bytes, *, imported: bool = False) -> Calls:
    """Read one file.

    Args:
        source: the file's bytes.
        imported: whether only importing it counts. Then processes, connections and harvesting are reported only from
            statements that importing reaches: those of the module and of its functions that they call.

    Example:
        >>> calls(b"import base64 as b; e = exec; e(b.b64decode('cGFzcw=='))").decoded
        [(1, 'exec of base64.b64decode')]
    """
    seen = Calls()
    module, seen.unreadable = parsed(source)
    if module is None:
        return seen
    names = _Names(module)
    harvested: tuple[int, str] | None = None
    parts = _parts(module)
    reached = _reached(module) if imported else None
    for node in ast.walk(module):
        here = reached is None or id(node) in reached
        if isinstance(node, ast.Call):
            _call(node, names, seen, here=here)
        if here and isinstance(node, ast.Attribute | ast.Call | ast.Name) and harvested is None:
            name = names.of(node.func if isinstance(node, ast.Call) else node)
            if _HARVEST.match(name) and (
                isinstance(node, ast.Call) or (name == "os.environ" and id(node) not in parts)
            ):
                harvested = node.lineno, name
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _CREDENTIALS.search(node.value):
            harvested = harvested or (node.lineno, "a path of credentials")
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and seen.obfuscated is None:
            seen.obfuscated = _hidden(node)
    _handed_on(module, names, seen)
    if seen.network and harvested:
        seen.harvest = harvested[0], f"{harvested[1]}, {seen.network[1]}"
    if seen.obfuscated and not (seen.decoded or seen.computed or seen.process):
        seen.obfuscated = None  # a table of data
    return seen


def parsed(source: bytes) -> tuple[ast.Module | None, str]:
    """The syntax tree of a file, or why there is none. Nothing is run, and no input makes it run deep."""
    if len(source) > MOST:
        return None, f"it has more than {MOST >> 20} MiB"
    if _depth(source) > DEEPEST:
        return None, f"more than {DEEPEST} brackets are open at once"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source), ""
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return None, type(error).__name__


def _depth(source: bytes) -> int:
    """An upper bound of nesting: brackets, wherever they stand, and signs that nest to the right in one line."""
    deepest = depth = 0
    for sign in re.findall(rb"[()\[\]{}\n]", source):
        if sign == b"\n":
            continue
        depth = depth + 1 if sign in b"([{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    runs = max((len(run) for run in re.findall(rb"(?:[-+~]{50,}|(?:not ){50,}|(?:lambda:){50,})", source)), default=0)
    return max(deepest, runs)


class _Names:
    """Dotted names behind the names of a file: through imports and through assignments of one name to another."""

    def __init__(self, module: ast.Module) -> None:
        self.known: dict[str, str] = {}
        self.values: dict[str, ast.expr] = {}
        for node in ast.walk(module):
            if isinstance(node, ast.Import):
                for each in node.names:
                    self.known[each.asname or each.name.partition(".")[0]] = (
                        each.name if each.asname else each.name.partition(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom):
                for each in node.names:
                    self.known[each.asname or each.name] = f"{node.module or ''}.{each.name}"
        for target, value in _assigned(module):
            self.values[target] = value
            meant = self.of(value)
            if meant and meant != target and isinstance(value, ast.Name | ast.Attribute | ast.Call):
                self.known.setdefault(target, meant if not isinstance(value, ast.Call) or _imports(value, self) else "")

    def of(self, node: ast.expr, depth: int = 0) -> str:
        """The dotted name that an expression stands for, or ""."""
        if depth > 30:
            return ""
        if isinstance(node, ast.Name):
            return self.known.get(node.id) or node.id
        if isinstance(node, ast.Attribute):
            base = self.of(node.value, depth + 1)
            return f"{base}.{node.attr}" if base else ""
        if isinstance(node, ast.Subscript):  # builtins.__dict__["exec"], globals()["eval"]
            key = text(node.slice)
            base = self.of(node.value.func if isinstance(node.value, ast.Call) else node.value, depth + 1)
            if key and re.search(r"__dict__$|^(?:globals|locals|vars)$|__builtins__$", base):
                return key
            return ""
        if isinstance(node, ast.Call):
            return self._made(node, depth)
        return ""

    def _made(self, node: ast.Call, depth: int) -> str:
        name = self.of(node.func, depth + 1)
        first = text(node.args[0]) if node.args else ""
        if name in {"__import__", "importlib.import_module", "builtins.__import__"}:
            return first
        if name in {"getattr", "builtins.getattr"} and len(node.args) > 1:
            base, attribute = self.of(node.args[0], depth + 1), text(node.args[1])
            hidden = "?" if base.partition(".")[0] in _POWERFUL else ""
            return f"{base}.{attribute}" if base and attribute else hidden
        return name if name in {"bytes.fromhex", "bytearray.fromhex"} else ""


def _assigned(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Names and what is assigned to them, one by one where tuples are assigned to tuples."""
    for node in ast.walk(module):
        if isinstance(node, ast.NamedExpr):
            yield node.target.id, node.value
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                several = isinstance(target, ast.Tuple | ast.List) and isinstance(node.value, ast.Tuple | ast.List)
                pairs = zip(target.elts, node.value.elts, strict=False) if several else [(target, node.value)]  # type: ignore[attr-defined]
                yield from ((each.id, value) for each, value in pairs if isinstance(each, ast.Name))


def _handed_on(module: ast.Module, names: _Names, seen: Calls) -> None:
    """Whether exec or eval is given to something instead of called: ``map(exec, ...)``, ``@exec``, ``{"r": exec}``.

    What it is then called with cannot be followed; beside anything that decodes, it counts as run on that.
    """
    plain = {id(node.func) for node in ast.walk(module) if isinstance(node, ast.Call)}
    plain |= {id(value) for _, value in _assigned(module)}
    handed = next(
        (
            node
            for node in ast.walk(module)
            if isinstance(node, ast.Name | ast.Attribute)
            and isinstance(node.ctx, ast.Load)
            and id(node) not in plain
            and names.of(node).removeprefix("builtins.") in {"exec", "eval"}
        ),
        None,
    )
    if handed is None:
        return
    used = (node for node in ast.walk(module) if isinstance(node, ast.Name | ast.Attribute))
    decodes = next((name for node in used if _DECODE.search(name := names.of(node))), "")
    if decodes:
        seen.decoded.append((handed.lineno, f"exec or eval is handed on beside {decodes}"))
    else:
        seen.computed.append((handed.lineno, "exec or eval is handed on"))


def _imports(node: ast.Call, names: _Names) -> bool:
    return names.of(node.func) in {
        "__import__",
        "importlib.import_module",
        "getattr",
        "builtins.getattr",
        "builtins.__import__",
    }


def text(node: ast.expr, depth: int = 0) -> str:
    """The string that constants, sums and joins of constants make; "" if it is none."""
    if depth > 60:
        return ""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = text(node.left, depth + 1), text(node.right, depth + 1)
        return left + right if left and right else ""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        whole = text(node.value, depth + 1)
        step = node.slice.step
        return whole[::-1] if isinstance(step, ast.UnaryOp) and node.slice.lower is node.slice.upper is None else whole
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "join" and node.args:
        parts = node.args[0]
        glue = node.func.value.value if isinstance(node.func.value, ast.Constant) else ""
        if isinstance(parts, ast.List | ast.Tuple) and isinstance(glue, str):
            return glue.join(text(each, depth + 1) for each in parts.elts)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "chr" and node.args:
        value = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
        return chr(value) if isinstance(value, int) and 0 <= value < 0x110000 else ""
    return ""


def _call(node: ast.Call, names: _Names, seen: Calls, *, here: bool) -> None:
    name = names.of(node.func)
    short = name.removeprefix("builtins.").removeprefix("__builtins__.")
    if name in _RUN or short in _RUN:
        _run(node, short, names, seen)
    elif _PROCESS.match(name) or (not name and _method(node) in {"system", "popen", "execve", "execvp"}):
        name = name or _method(node)
        seen.process = seen.process or ((node.lineno, name) if here else None)
        inner = _inner(node, names)
        if any(
            _CREDENTIALS.search(each)
            or re.search(r"\b(?:curl|wget)\b[^|]*\|\s*(?:ba|z)?sh|base64 -d|Invoke-Expression|IEX\b", each)
            for each in _strings(node, names)
        ):
            seen.fetched.append((node.lineno, f"{name} of a fetched script"))
        elif inner & {"decoded"}:
            seen.decoded.append((node.lineno, f"{name} of something decoded"))
    elif _NETWORK.match(name):
        seen.network = seen.network or ((node.lineno, name) if here else None)
    elif name in {"open", "io.open"} or _method(node) in {"write_text", "write_bytes", "open"}:
        given = [*node.args, *(word.value for word in node.keywords if word.arg == "mode")]
        mode = {letter for each in given if len(text(each)) <= 3 for letter in text(each)}
        place = next((found for each in _strings(node, names) if (found := _PLACES.search(each))), None)
        if place is not None and (mode & set("wax+") or _method(node).startswith("write_")):
            seen.writes.append((node.lineno, place[0]))
    elif name == "?":
        seen.obfuscated = seen.obfuscated or (node.lineno, "the name of what it calls is computed")
        seen.computed.append((node.lineno, "a computed name"))


def _method(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _run(node: ast.Call, name: str, names: _Names, seen: Calls) -> None:
    if name in {"marshal.loads", "pickle.loads"}:
        return  # running what they give is reported
    if not node.args:
        return
    inner = _inner(node, names)
    how = next((each for each in sorted(inner) if each not in {"decoded", "fetched"}), "")
    if "fetched" in inner:
        seen.fetched.append((node.lineno, f"{name} of {how}"))
    elif "decoded" in inner:
        seen.decoded.append((node.lineno, f"{name} of {how}"))
    elif (
        name in {"exec", "eval", "types.FunctionType"}
        and not isinstance(node.args[0], ast.Constant)
        and "reads a file" not in inner
    ):
        seen.computed.append((node.lineno, name))


def _inner(node: ast.Call, names: _Names) -> set[str]:
    """What the arguments are made of, through names assigned once: calls, and whether they decode or fetch."""
    found: set[str] = set()
    waiting: list[ast.AST] = [*node.args, *(word.value for word in node.keywords)]
    visited: set[str] = set()
    left = 2000
    while waiting and left > 0:
        left -= 1
        each = waiting.pop()
        if isinstance(each, ast.Name) and each.id in names.values and each.id not in visited:
            visited.add(each.id)
            waiting.append(names.values[each.id])
        if isinstance(each, ast.Call):
            name = names.of(each.func)
            method = each.func.attr if isinstance(each.func, ast.Attribute) else name
            if _DECODE.search(name) or (
                method == "decode" and each.args and text(each.args[0]) in {"hex", "rot13", "rot_13", "base64"}
            ):
                found |= {"decoded", name or method}
            elif _NETWORK.match(name):
                found |= {"fetched", name}
            elif name in {"open", "io.open", "pathlib.Path", "Path"} or method in {"read_text", "read_bytes", "read"}:
                found.add("reads a file")
            elif name in {"chr", "bytes", "bytearray"} and any(
                isinstance(inner, ast.List | ast.ListComp | ast.GeneratorExp | ast.Name) for inner in each.args
            ):
                found |= {"decoded", f"{name} of numbers"}
            elif name == "chr" or (
                method == "join"
                and any(
                    isinstance(inner, ast.ListComp | ast.GeneratorExp) and "chr" in ast.dump(inner)[:2000]
                    for inner in each.args
                )
            ):
                found |= {"decoded", "chr of numbers"}
        waiting += list(ast.iter_child_nodes(each))
    return found


def _strings(node: ast.Call, names: _Names) -> Iterator[str]:
    for each in ast.walk(node):
        value = names.values.get(each.id) if isinstance(each, ast.Name) else each
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value
        elif isinstance(value, ast.Call | ast.List) and value is not each:
            yield from (
                inner.value
                for inner in ast.walk(value)
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
            )


def _reached(module: ast.Module) -> set[int]:
    """Nodes that importing the module runs: its statements, and the functions of its own that they call by name.

    Every function is entered once.
    """
    functions = {each.name: each for each in ast.walk(module) if isinstance(each, ast.FunctionDef)}
    found: set[int] = set()
    waiting: list[ast.AST] = [*module.body]
    while waiting:
        node = waiting.pop()
        if id(node) in found:
            continue
        found.add(id(node))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += getattr(node, "decorator_list", [])
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
            waiting += functions[node.func.id].body
        waiting += list(ast.iter_child_nodes(node))
    return found


def _parts(module: ast.Module) -> set[int]:
    """Nodes of which only a part is used: ``os.environ.get("HOME")`` reads one variable, ``dict(os.environ)`` all."""
    found: set[int] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute | ast.Subscript):
            found.add(id(node.value))
        elif isinstance(node, ast.Compare):
            found |= {id(each) for each in node.comparators}
    return found


def _hidden(node: ast.Constant) -> tuple[int, str] | None:
    value = node.value
    letters = value if isinstance(value, str) else value.decode("latin-1") if isinstance(value, bytes) else ""
    if len(letters) >= LONG_LITERAL and re.fullmatch(r"[A-Za-z0-9+/=_\-\s]+", letters) and " " not in letters[:200]:
        return node.lineno, f"a literal of {len(letters)} characters in base 64 or hexadecimal"
    return None
