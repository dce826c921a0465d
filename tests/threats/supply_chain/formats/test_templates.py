"""Templates: those of real models pass, and whoever knows the rules does not get past them."""

from __future__ import annotations

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casemate.threats.supply_chain.formats import templates
from casemate.threats.supply_chain.verdict import Verdict
from tests.threats.supply_chain.formats.samples import assert_clean, chat, found, rule, scan

HONEST = [
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{{ '[INST] ' + message['content'] | trim + ' [/INST]' }}"
    "{% endfor %}",
    "{%- if messages[0]['role'] == 'system' -%}{%- set loop_messages = messages[1:] -%}{%- endif -%}"
    "{%- set ns = namespace(found=false, index=0) -%}{%- for m in messages[::-1] -%}{%- set ns.index = ns.index + 1 -%}"
    "{%- if not ns.found -%}{{ messages[ns.index - 1].content }}{%- endif -%}{%- endfor -%}",
    "{% macro render(spec) %}{% for key, value in spec.items() %}{{ key }}: {{ spec[key]|tojson(indent=2) }}"
    "{% if value is mapping %}{{ render(value) }}{{ render(value.items) }}{% endif %}{% endfor %}{% endmacro %}"
    "{{ render({'type': 'object'}) }}{% set names = {'string': 'str'} %}{{ names[tools[0].type] }}",
    "{% for m in messages %}{% generation %}{{ m.content.split('</think>')[-1].lstrip('\\n') }}{% endgeneration %}"
    "{% if loop.last %}{% break %}{% endif %}{% endfor %}{{ strftime_now('%d %b %Y') }}{{ 'a: {}'.format(x) }}",
    "{{ messages|selectattr('role', 'equalto', 'system')|map(attribute='content')|join('\\n') }}",
]

ESCAPES = {
    "the classic": "{% for x in ().__class__.__base__.__subclasses__() %}{{ x.__name__ }}{% endfor %}",
    "CVE-2024-34359": "{% for c in [].__class__.__base__.__subclasses__() %}{% if c.__name__ == 'catch_warnings' %}"
    "{{ c()._module.__builtins__['__import__']('os').system('id') }}{% endif %}{% endfor %}",
    "hexadecimal escapes": "{{ ''['\\x5f\\x5fclass\\x5f\\x5f'] }}",
    "unicode escapes": "{{ ''['\\u005f\\u005fclass\\u005f\\u005f'] }}",
    "octal escapes": "{{ ''['\\137\\137class\\137\\137'] }}",
    "attr and a join": "{{ messages|attr(['_'*2, 'class', '_'*2]|join) }}",
    "aliases by set": "{% set a = '__cl' %}{% set b = a ~ 'ass__' %}{{ messages[b] }}",
    "a percent sign": "{% set u = '%c' % 95 %}{% set n = u ~ u ~ 'class' ~ u ~ u %}{{ messages[n] }}",
    "a join": "{{ messages[['_', '_', 'c', 'l', 'a', 's', 's', '_', '_']|join] }}",
    "a reversal": "{{ messages['__ssalc__'|reverse] }}",
    "a slice": "{{ messages['s_s_a_l_c'[::-2]] }}",
    "map": "{{ messages|map(attribute='__class__')|list }}",
    "map of attr": "{{ messages|map('attr', 'x')|list }}",
    "map of a computed filter": "{{ messages|map('at' ~ 'tr', 'x')|list }}",
    "selectattr": "{{ messages|selectattr('__class__', 'defined')|list }}",
    "selectattr, computed": "{{ messages|selectattr('_' ~ 'x')|list }}",
    "groupby": "{{ messages|groupby('content.__class__') }}",
    "sort": "{{ messages|sort(attribute='role,__class__') }}",
    "sum": "{{ messages|sum('__class__') }}",
    "str.format": "{{ '{0.__class__}'.format(messages) }}",
    "str.format without underscores": "{{ '{0.gi}'.format(messages) }}",
    "str.format, nested fields": "{{ '{:{x.y}}'.format(1, x=messages) }}",
    "str.format by a variable": "{% set f = '{0.real}' %}{{ f.format(messages) }}",
    "str.format_map": "{{ '{x}'.format_map(messages) }}",
    "format": "{{ messages['%s%s'|format('cla', 'ss')] }}",
    "a macro's parameter": "{% macro m(k) %}{{ messages[k] }}{% endmacro %}{{ m('_' * 2 ~ 'class') }}",
    "a macro's keyword": "{% macro m(k='role') %}{{ messages[k] }}{% endmacro %}{{ m(k='_' ~ 'x') }}",
    "a macro's default": "{% macro m(k='_' ~ 'x') %}{{ messages[k] }}{% endmacro %}{{ m() }}",
    "a macro's output": "{% macro m() %}_x{% endmacro %}{{ messages[m()] }}",
    "caller": "{% macro m() %}{{ messages[caller()] }}{% endmacro %}{% call m() %}_x{% endcall %}",
    "a set block": "{% set k %}__class__{% endset %}{{ messages[k] }}",
    "with": "{% with k = 'a' ~ 'b' %}{{ messages[k] }}{% endwith %}",
    "a keyword as a text": "{{ messages[dict(__class__=1)|first] }}",
    "a namespace": "{% set ns = namespace(k='') %}{% for c in 'ssalc' %}{% set ns.k = c ~ ns.k %}{% endfor %}"
    "{{ x[ns.k] }}",
    "a list of names": "{% for k in ['__class__'] %}{{ messages[k] }}{% endfor %}",
    "characters of an object": "{{ messages[(messages|string)[3:9]] }}",
    "replace": "{{ messages['xclassx'|replace('x', '_')] }}",
    "a filter block": "{% filter attr('x') %}a{% endfilter %}",
    "self": "{{ self }}",
    "lipsum": "{{ lipsum.x }}",
    "cycler": "{% set c = cycler %}{{ c.x }}",
    "joiner": "{{ joiner('x') }}",
    "config": "{{ config.items() }}",
    "request": "{{ request.application }}",
    "frames": "{{ messages.append.im_func.func_globals }}",
    "attributes of a function": "{{ raise_exception.x }}",
    "attributes of a macro": "{% macro m() %}{% endmacro %}{{ m.name }}",
    "a macro with another's name": "{% macro m() %}{% endmacro %}{% if x %}{% set m = x.pop %}{% endif %}{{ m() }}",
    "the call of an item": "{{ messages[0]['pop']() }}",
    "the call of a result": "{{ messages.get('x')() }}",
    "include": "{% include '/etc/passwd' %}",
    "import": "{% from 'x' import y %}",
    "extends": "{% extends messages[0].content %}",
}  # fmt: skip

BOMBS = {
    "a range": "{% for i in range(10 * 1000 * 1000 * 1000) %}{% endfor %}",
    "nested ranges": "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
    "nested lists": "{% set l = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] %}" + "{% for a in l %}" * 9 + "x" + "{% endfor %}" * 9,
    "powers": "{{ 9 ** 9 ** 9 }}",
    "repetition": "{{ 'a' * 9999 * 9999 }}",
    "doubling": "{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "doubling without a loop": "{% set a0 = 'a' %}" + "".join(f"{{% set a{i + 1} = a{i} ~ a{i} %}}" for i in range(40)),
    "a growing list": "{% set l = [1] %}{% for x in l %}{% do l.append(x) %}{% endfor %}",
    "recursion": "{% macro f(n) %}{{ f(n - 1) }}{{ f(n - 1) }}{% endmacro %}{{ f(99) }}",
    "a format's width": "{{ '%2000000000d' % 1 }}",
    "center": "{{ 'x'|center(99999999) }}",
    "parentheses": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "statements": "{% if 1 %}" * 3000 + "{% endif %}" * 3000,
    "a long chain": "{{ x" + ".y" * 5000 + " }}",
    "macros": "".join(f"{{% macro m{i}() %}}" + f"{{{{ m{i + 1}() }}}}" * 9 + "{% endmacro %}" for i in range(12)),
    "a chain of macros": "".join(f"{{% macro m{i}() %}}{{{{ m{i + 1}() }}}}{{% endmacro %}}" for i in range(200)),
    "a large template": "{# " + "x" * 300_000 + " #}",
}


@pytest.mark.parametrize("template", HONEST)
def test_templates_of_honest_models_are_clean(template: str) -> None:
    assert_clean(chat(template), "gguf")


@pytest.mark.parametrize("template", ESCAPES.values(), ids=ESCAPES)
def test_an_escape_is_found(template: str) -> None:
    outcome = scan(chat(template))
    assert outcome.verdict in (Verdict.MALICIOUS, Verdict.SUSPICIOUS)
    assert all(finding.logical for finding in outcome.findings)


@pytest.mark.parametrize("template", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_found(template: str) -> None:
    assert rule("jinja.bomb") in found(chat(template))


def test_kinds_are_followed_through_any_number_of_names_in_any_order() -> None:
    steps = [f"{{% set a{i} = a{i + 1} %}}" for i in range(2000)] + ["{% set a2000 = 'x' ~ 'y' %}"]
    for order in (steps, steps[::-1], steps[::2] + steps[1::2]):
        assert rule("jinja.computed") in found(chat("".join(order) + "{{ x[a0] }}"))


def test_what_is_not_reviewed_is_told() -> None:
    for template in ("{{ x|pprint }}", "{{ x.explode() }}", "{{ explode() }}", "{% if x is strange %}{% endif %}"):
        assert rule("jinja.unknown") in found(chat(template))
    assert rule("jinja.call") in found(chat("{% set f = x %}{{ f() }}"))


def test_names_of_a_program_s_own_are_told_in_templates_for_conversations_only() -> None:
    body = "{% for m in messages %}{{ explode(m) }}{% endfor %}"
    assert rule("jinja.unknown") in found(body.encode())
    assert_clean(body.replace("messages", "kernels").encode(), "text")
    assert rule("jinja.attribute") in found(body.replace("messages", "kernels.__class__").encode())


def test_an_index_that_only_the_input_decides_is_no_finding() -> None:
    assert_clean(chat("{% for k in m %}{{ m[k] }}{{ m[k.x|lower] }}{{ m[loop.index0 + 1] }}{% endfor %}"), "gguf")


def test_nothing_is_rendered_or_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    def trap(*_: object, **__: object) -> None:
        raise AssertionError("a template was compiled or evaluated")

    for name in ("compile", "from_string", "_generate"):
        monkeypatch.setattr(jinja2.Environment, name, trap)
    for node in (jinja2.nodes.Expr, jinja2.nodes.Filter, jinja2.nodes.BinExpr, jinja2.nodes.Const):
        monkeypatch.setattr(node, "as_const", trap)
    for template in (*HONEST, *ESCAPES.values()):
        scan(chat(template))


def test_a_text_in_which_braces_stand_is_no_template() -> None:
    assert not templates.begins_template("def f(): return {'a': {}}  # {{ and }}")
    assert templates.begins_template("\n{%- if x %}a{% endif %}")
    assert_clean(b"# Title\n\nUse `{{ name }` to write it.\n", "text")


_PIECES = [
    "{{", "}}", "{%", "%}", "x", ".a", "['b']", "|", "join", "~",
    "'c'", "(", ")", "[", "]", "[:2]", "+", "1", "=", "set",
    "if", "for", "in", "endif", "endfor", "endmacro", "namespace(a=1)", "_", "**", "*",
]  # fmt: skip


@given(st.lists(st.sampled_from([*_PIECES, "macro m(k)", "{% set a = ", "{{ a"]), max_size=30))
def test_any_mixture_of_pieces_ends(pieces: list[str]) -> None:
    scan(chat(" ".join(pieces)))
