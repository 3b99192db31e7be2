#!/usr/bin/env python3
"""Writes tests/golden/templates/language.jsonl: small templates, and what transformers' Jinja environment makes of them.

  python3 -m venv ENV && ENV/bin/pip install jinja2 transformers
  ENV/bin/python tools/make_template_cases.py > tests/golden/templates/language.jsonl

With a folder as argument, every *.jinja in it is rendered over conversations instead, in the form of
{"template", "messages", "tools", "add_generation_prompt", "extra", "text" or "error"}.

A row: {"template", "context", "text"} or {"template", "context", "error"}; "error" is Python's message, for the reader:
only that there is one is compared.
"""
import json
import os
import pathlib
import re
import sys
import time

os.environ["TZ"] = "UTC"
time.tzset()
from transformers.utils import chat_template_utils  # noqa: E402


class Clock(chat_template_utils.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(1795478400)  # what tests set SOURCE_DATE_EPOCH to


chat_template_utils.datetime = Clock
_compile_jinja_template = chat_template_utils._compile_jinja_template

CONTEXT = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": " Hi <b>you</b> & \"all\" \n"},
        {"role": "assistant", "content": "héllo wörld ß ﬁ Σας", "tool_calls": [{"function": {"name": "add", "arguments": {"a": 1, "b": [1.5, None, True]}}}]},
        {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image"}]},
    ],
    "tools": [{"name": "add", "parameters": {"z": 1, "a": {"type": "number", "description": "it's \"q\""}}}],
    "none_value": None,
    "n": 7,
    "f": 2.5,
    "s": "Hello World",
    "people": [
        {"name": "Bob", "age": 30, "city": {"name": "Rome"}},
        {"name": "alice", "age": 25, "city": {"name": "oslo"}},
        {"name": "Carol", "age": 30, "city": {"name": "Oslo"}},
        {"name": "dave", "city": {}},
    ],
    "tree": [{"v": 1, "kids": [{"v": 2, "kids": [{"v": 3, "kids": []}]}, {"v": 4, "kids": []}]}, {"v": 5, "kids": []}],
    "d": {"b": 2, "A": 1, "c": 3},
    "bos_token": "<s>",
}

VALUES = ["none", "true", "false", "0", "1", "-3", "7", "2.5", "-0.0", "1e20", "''", "'a'", "'Abc def'", "'12'", "' 3.7 '", "[]", "[1, 2]", "(1,)", "()", "('a', 'b')",
          "{}", "{'k': 1}", "nope", "range(3)", "d", "d.items()", "d.keys()", "[1]|map('string')", "namespace(a=1)", "[none, 'x', 1.0]", "'x'|safe"]

FILTERS = {
    "abs": [""], "attr": ["('name')", "('upper')"], "batch": ["(2)|list", "(3, 'x')|list", "(0)|list"], "capitalize": [""], "center": ["", "(9)", "(4)"],
    "count": [""], "d": ["('q')", "('q', true)"], "default": ["", "('q', boolean=true)", "(default_value=3)"], "dictsort": ["", "(true)", "(false, 'value')", "(reverse=true)"],
    "e": [""], "escape": [""], "filesizeformat": ["", "(true)"], "first": [""], "float": ["", "(9)", "(default=none)"], "forceescape": [""],
    "format": ["", "(1)", "('x', 'y')", "(a=1)"], "groupby": ["('name')|list"], "indent": ["", "(2)", "(2, true)", "('> ', blank=true)"], "int": ["", "(5)", "(0, 16)", "(base=2)", "(default=none)"],
    "join": ["", "(', ')", "('-', attribute='k')", "(1)"], "last": [""], "length": [""], "list": [""], "lower": [""], "items": ["|list"], "map": ["('upper')|list", "(attribute='k')|list", "|list", "('nofilter')|list", "(attribute=0)|list", "('default', 'z')|list", "(attribute='k', default='dd')|list"],
    "min": [""], "max": [""], "pprint": [""], "reject": ["|list", "('none')|list"], "rejectattr": ["('k')|list"], "replace": ["('a', 'bb')", "('', '-')", "('b', '', 1)"],
    "reverse": ["|list", "|join('.')"], "round": ["", "(1)", "(0, 'ceil')", "(1, 'floor')", "(-1)", "(0, 'x')"], "safe": [""], "select": ["|list", "('string')|list", "('notest')|list"], "selectattr": ["('k')|list", "('k', 'eq', 1)|list"],
    "slice": ["(2)|list", "(3, 'f')|list"], "sort": ["", "(true)", "(case_sensitive=true)"], "string": [""], "striptags": [""], "sum": ["", "(start=10)"], "title": [""],
    "trim": ["", "('a ')", "(none)"], "truncate": ["(5)", "(5, true)", "(2)"], "unique": ["|list"], "upper": [""], "urlencode": [""], "wordcount": [""], "wordwrap": ["(4)"],
    "xmlattr": ["", "(false)"], "tojson": ["", "(indent=2)", "(indent=0)", "(true)"],
}
TESTS = ["boolean", "callable", "defined", "divisibleby(2)", "divisibleby 3", "eq(1)", "equalto 1", "escaped", "even", "false", "filter", "float", "ge(1)", "gt 0",
         "greaterthan(1)", "in([1, 'a', none])", "in 'abc'", "integer", "iterable", "le(1)", "lower", "lt(1)", "lessthan 2", "mapping", "ne(1)", "none", "number", "odd", "sameas(none)", "sameas true",
         "sequence", "string", "test", "true", "undefined", "upper", "not none", "not defined", "nosuchtest"]
BINARY = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
OPERANDS = ["none", "true", "0", "3", "-7", "2.5", "'ab'", "'%s!'", "[1, 2]", "(3,)", "{'ab': 1}", "nope", "range(4)"]

STR_METHODS = """'a,b,,c'.split(',')|'a,b,,c'.split(',', 1)|' a  b '.split()|' a  b c '.split(none, 1)|'a,b,,c'.rsplit(',', 1)|' a  b c '.rsplit(none, 1)|''.split()|''.split(',')|'abc'.split('')
'a\\nb\\r\\nc\\n'.splitlines()|'a\\nb\\r\\nc'.splitlines(true)|'a-b-c'.partition('-')|'a-b-c'.rpartition('-')|'abc'.partition('-')|'abc'.rpartition('-')|'abcabc'.find('c')|'abcabc'.rfind('c')|'abcabc'.find('c', 3)|'abcabc'.find('z')
'abcabc'.index('b')|'abcabc'.index('z')|'abcabc'.rindex('b')|'aaaa'.count('aa')|'abc'.count('')|'abc'.startswith('ab')|'abc'.startswith(('x', 'a'))|'abc'.startswith(['a'])|'abc'.endswith('bc')|'abc'.startswith('b', 1)|'abc'.endswith('b', 0, 2)
'aXbX'.replace('X', 'yy')|'aXbX'.replace('X', 'yy', 1)|'ab'.replace('', '-')|'ab'.replace('', '-', 2)|','.join(['a', 'b'])|','.join([1])|'-'.join('abc')|'abc'.ljust(5)|'abc'.rjust(5, '*')|'abc'.center(6, '.')|'abc'.center(7)|'ab'.center(5)|'-5'.zfill(4)|'5'.zfill(3)|'+5'.zfill(1)
'a\\tb'.expandtabs()|'a\\tb'.expandtabs(4)|'hello world'.title()|"it's o'k".title()|'hELLO'.capitalize()|'Abc'.swapcase()|'ß'.upper()|'ﬁ'.title()|'ΑΣ'.lower()|'İ'.lower()|'ÀÉ'.lower()|'éa'.upper()|'ß'.casefold()
'abc'.isalpha()|'ab1'.isalnum()|'12'.isdigit()|'²'.isdigit()|'²'.isdecimal()|'½'.isnumeric()|' \\t'.isspace()|''.isspace()|'abc'.islower()|'aBc'.islower()|'ABC1'.isupper()|'Ab Cd'.istitle()|'ab Cd'.istitle()|'abc'.isascii()|'é'.isascii()
' x '.strip()|'xxaxx'.strip('x')|'xyaxy'.lstrip('xy')|'axx'.rstrip('x')|' x '.lstrip()|' x '.rstrip()|'\\u00a0x\\u2003'.strip()|'abc'.removeprefix('ab')|'abc'.removesuffix('bc')|'abc'.removesuffix('x')|'abc'.nosuch()|'abc'.upper(1)|'abc'.strip(1)
'{} {}'.format(1, 'a')|'{1} {0}'.format(1, 'a')|'{a} {b[0]} {b[1]}'.format(a=1, b=[2, 3])|'{0.x}'.format(d)|'{d[A]}'.format(d=d)|'{{}}'.format()|'{:>5}|{:<5}|{:^5}'.format('a', 'b', 'c')|'{:05d}'.format(42)|'{:+.2f}'.format(3.14159)|'{:,}'.format(1234567)|'{:_}'.format(1234567)|'{:x} {:X} {:o} {:b} {:#x} {:#b}'.format(255, 255, 8, 5, 255, 5)
'{:e}'.format(12345.678)|'{:.3g}'.format(12345.678)|'{:g}'.format(0.00001234)|'{:%}'.format(0.25)|'{:.1%}'.format(0.256)|'{!r}'.format('a')|'{!s:>4}'.format('a')|'{:{w}}'.format('a', w=4)|'{:*^9}'.format('mid')|'{:.2}'.format('abc')|'{:5}'.format(true)|'{}'.format(none)|'{:5}'.format(none)|'{:d}'.format('a')|'{:.2}'.format(1234.5)|'{:.5}'.format(1234.5)|'{:.10}'.format(2.0)|'{:10.3}'.format(3.14159)|'{:c}'.format(97)
'{}'.format()|'{0} {}'.format(1, 2)|'{x}'.format()|'{'.format()|'}'.format()|'{a}'.format_map({'a': 1})|'{:08.3f}'.format(-3.14159)|'{: d}'.format(5)|'{:<6}|'.format(1.5)|'{:=+6}'.format(3)|'{:010,}'.format(1234)|'{0[0]}'.format('abc')|'{.__class__}'.format('a')|'{:n}'.format(12)|'{:#.0f}'.format(3.0)|'{:s}'.format(1)|'{:f}'.format(1)|'{:,.2f}'.format(1234567.891)
'%s %s' % ('a', 1)|'%d' % 3.9|'%d' % 'a'|'%5d|%-5d|%05d' % (1, 2, 3)|'%+d % d' % (1, 2)|'%x %X %o %#x' % (255, 255, 8, 255)|'%.2f' % 2.345|'%e' % 12345.678|'%g' % 0.0001|'%g' % 1e10|'%s' % none|'%s' % [1, 'a']|'%r' % 'a'|'%5s|%-5s|' % ('a', 'b')|'%.2s' % 'abc'|'%c' % 97|'%c' % 'x'|'%%' % ()|'%s' % ('a',)|'%(k)s' % {'k': 1}|'%(k)05.1f' % {'k': 1}|'%s' % {'k': 1}
'%s %s' % 'a'|'%s' % ('a', 'b')|'abc' % 1|'abc' % []|'%(z)s' % {'k': 1}|'%z' % 1|'%*d' % (5, 3)|'%.*f' % (2, 3.14159)|'%-+6d|' % 5|'%i' % true|'%s' % true|'%06.2f' % -1.5|'%.3d' % 5|'%5.1f%%' % 99.5|'%s' % nope|'%d' % nope|'%'  % 1|'%s' % 1.0|'%a' % 'x'"""

OTHER_METHODS = """d.get('b')|d.get('z')|d.get('z', 9)|d.keys()|d.values()|d.items()|d.keys()|list|d.items()|list|d.items()|length|d.copy()|d.pop('b')|d.update({})|d.clear()|d.nosuch|d.nosuch()|d.setdefault('q', 1)|d.popitem()|'b' in d.keys()|2 in d.values()|('b', 2) in d.items()|d.values()|sum|d.keys()[0]|d['b']|d['zz']|d.zz is defined|d.get
[1, 2, 1].count(1)|[1, 2].index(2)|[1, 2].index(5)|[1].append(2)|[1].copy()|[3, 1].sort()|[1, 2].pop()|[1] is defined|[1].append is defined|(1, 2, 1).count(1)|(1, 2).index(2)|range(5).count(1)|range(5).index(3)|(5).bit_length()|(5).real|(2.5).is_integer()|(2.0).is_integer()|true.real|n.numerator|f.imag|(255).bit_count()
[1, 2, 3][0]|[1, 2, 3][-1]|[1, 2, 3][5]|[1, 2, 3][5] is defined|[1, 2, 3]['x']|[1, 2, 3].x|[1, 2, 3].0|'abc'[0]|'abc'[-1]|'abc'[9]|'abc'.0|'héé'[1]|(1, 2)[1]|range(5)[2]|range(5)[9]|range(10)[2:8:3]|range(10)[::-1]|range(10)[2:8:3]|list|n[0]|none[0]|none.x|nope[0]|nope.x|none_value.x is defined|true.x is defined
[1, 2, 3, 4][1:3]|[1, 2, 3, 4][:-1]|[1, 2, 3, 4][::2]|[1, 2, 3, 4][::-1]|[1, 2, 3, 4][-2:]|[1, 2, 3, 4][10:]|[1, 2, 3, 4][3:1]|[1, 2, 3, 4][::0]|'abcdef'[1:4]|'abcdef'[::-1]|'abcdef'[-3:-1]|'abcdef'[::2]|'abcdef'[4:0:-2]|'héßé'[1:3]|(1, 2, 3)[1:]|[1, 2, 3]['a':]|[1, 2][none:1]|d[1:2]|n[1:]|nope[1:]|'abc'[1.5]|[1, 2, 3][true]|[1,2,3][1,2]|{(1, 2): 'x'}[1, 2]|messages[-1]['content'][0].text|messages[1:][0].role|messages[::-1][0].role"""

EXPRESSIONS = """1 + 2 * 3 - 4|2 ** 3 ** 2|-2 ** 2|(-2) ** 2|7 // -2|-7 % 3|7 % -3|7.5 // 2|-7.5 % 2|5 % 0|5 / 0|5.0 // 0|0 ** 0|2 ** -1|2 ** 0.5|(-8) ** 0.5|1e308 * 10|10 ** 18|9223372036854775807|1_000|0x1F|0b101|0o17|1e3|1.5e-3|1E2|007|1 if 0 else 2|1 if 0|(1 if 0) is defined|'a' if true else 'b' if false else 'c'|not true and false|not (true and false)|1 < 2 < 3|3 > 2 > 2|1 == 1.0 == true|1 < 2 > 1 != 5|1 in [1] == true|'a' < 'b'|[1, 2] < [1, 3]|(1, 2) < (1,)|none == false|'1' == 1|[1] == (1,)|{'a': 1} == {'a': 1.0}
'a' ~ 1 ~ none ~ true ~ 1.0 ~ [1]|1 ~ 2 + 3|'x' * 3|3 * 'x'|[1] * 3|'x' * -1|'x' * 2.0|[1] + (2,)|'a' + 'b' 'c'|-'a'|+true|-true|- -3|+ +3|1 + true|true + true|not 0|not ''|not nope|nope == nope|nope == none|nope + 1|nope ~ 'x'|nope and 1|nope or 1|0 or 'x' and 'y'|'' or none|[] and 1|1 and 2
[1, 2.0, 'x', none, true, (1,), {'a': [1]}]|{'a': 1, 2: 'b', none: 3, 1.5: 4, true: 5}|{1: 'a', 1.0: 'b', true: 'c'}|{'a': 1, 'a': 2}|{[1]: 2}|()|(1,)|(1, 2)|1,2|"it's"|['it\\'s', 'a"b', "a'b\\"c"]|['\\n\\t\\\\\\x00\\x7f\\u00e9\\u200b\\U0001F600']|'\\x41\\101\\0|'|'a\\
b'|1.0|100.0|1e16|1e15|1.5e300|1e-4|1e-5|0.1 + 0.2|1/3|2.0 * 3|123456789.123456789|1e22|1e21 + 1|-0.0|5 // 2.0|5e-324|1.7976931348623157e308
s.upper().lower().title()|s|upper|lower|title|-3|abs|(-3)|abs|-f|round|1 + 2|string|'a' 'b'|upper|[3, 1, 2]|sort|first|'%d' % 5|int + 1|messages[0].content|length|d|length|n is odd and f is float|not n is even|n is not even|s is string and s is not mapping|n is divisibleby 7|n is divisibleby(7) and 1|n is ne 7|1 is in [1, 2]|s is in 'Hello World!'|n is gt 6 and n is lt 8|none is none is true
True|False|None|true is true|True is sameas true|loop|loop is defined|varargs|caller|self|raise_exception|strftime_now|namespace|range|dict|x.y.z|x['y']|range(5)|range(1, 5)|range(0, 10, 3)|range(5, 0, -2)|range(0)|range(1, 2, 0)|range(100001)|range(100000)|length|range(5)|list|range(5)|sum|range('a')|range(3) == range(0, 3)|dict(a=1, b=2)|dict([('a', 1)])|dict({'a': 1}, b=2)|dict(1)|dict.fromkeys(['a', 'b'], 0)|namespace(a=1).a|namespace(a=1)|namespace(a=1).b|namespace({'a': 2}, b=3).a|namespace(_a=1)
[1, [2, [3]]]|length|{'a': {'b': {'c': 1}}}.a.b.c|'a' in 'abc' and 'z' not in 'abc'|none in [none]|1 in 1|'a' in 1|1 in 'a'|2 in (1, 2)|2.0 in range(5)|2.5 in range(5)|'k' in {'k': 1}|nope in [1]|1 in nope|not 1 in [1]|1 not in [2]|[1] in [[1]]
'a'|join|'abc'|first|'abc'|last|'abc'|list|'abc'|reverse|'abc'|random|range(3)|reverse|list|[[1, 2], [3]]|sum(start=[])|people|map(attribute='name')|list|people|map(attribute='city.name')|list|people|map(attribute='age', default=0)|list|people|sum(attribute='age')|people[:3]|sum(attribute='age')|people|selectattr('age')|map(attribute='name')|list|people|selectattr('age', 'defined')|list|length|people|rejectattr('age', 'eq', 30)|map(attribute='name')|join(',')|people|selectattr('city.name', 'equalto', 'Oslo')|list|length
people|sort(attribute='name')|map(attribute='name')|list|people|sort(attribute='name', case_sensitive=true)|map(attribute='name')|list|people[:3]|sort(attribute='age,name')|map(attribute='name')|list|people|sort(attribute='age')|people|sort(attribute='city.name')|people[:3]|sort(attribute='age', reverse=true)|map(attribute='name')|list|people[:3]|groupby('age')|people[:3]|groupby('city.name')|people|groupby('age', default=0)|people|groupby('age')|people[:3]|groupby('age')|map(attribute='grouper')|list|people[:3]|groupby('age')|map('last')|map('length')|list
people[:3]|max(attribute='age')|people[:3]|min(attribute='name')|['b', 'A', 'c']|min|['b', 'A', 'c']|max|['b', 'A', 'c']|min(case_sensitive=true)|[]|min|[]|max is defined|[3, 1]|min|[1, 'a']|max|['b', 'A', 'a', 'B']|sort|['b', 'A', 'a', 'B']|sort(case_sensitive=true)|['b', 'A', 'a', 'B']|unique|list|['b', 'A', 'a', 'B']|unique(case_sensitive=true)|list|[1, 1.0, true, 2]|unique|list|people|unique(attribute='age')|list|length|[[1], [1]]|unique|list|[1, 2, 3, 4, 5]|batch(2)|list|[1, 2, 3, 4, 5]|batch(2, 0)|list|[1, 2, 3, 4, 5]|slice(3)|list|[1, 2, 3, 4, 5]|slice(3, 'x')|list|[1, 2]|slice(0)|list
d|dictsort|d|dictsort(true)|d|dictsort(by='value', reverse=true)|d|dictsort(by='x')|d|items|list|nope|items|list|5|items|list|d|list|d|join|d|first|d|last|d|reverse|list|d|sort|d|max|d|tojson|d|tojson(sort_keys=true)|d|tojson(indent=4)|d|tojson(separators=(',', ':'))|d|tojson(indent=2, separators=(', ', ' : '))|tools|tojson|tools|tojson(indent=2)|messages[2]|tojson|messages[2]|tojson(ensure_ascii=true)|messages[2].content|tojson(true)|'<a>&\\'\\u2028\\x7f\\x01'|tojson|[1.0, 1e20, 1e-7, none, true]|tojson|(1, 2)|tojson|{1: 2, none: 3, true: 4, 1.5: 5}|tojson|{(1, 2): 3}|tojson|range(3)|tojson|nope|tojson|namespace(a=1)|tojson|[]|tojson(indent=2)|{}|tojson(indent=2)|[[], {}]|tojson(indent=1)|'x'|tojson(foo=1)|[1]|tojson(indent='--')|{'b': 1, 'a': {'d': 1, 'c': 2}}|tojson(sort_keys=true)|d.items()|tojson|'\\U0001F600'|tojson(true)
'hello world foo'|truncate(9)|'hello world foo'|truncate(9, true)|'hello world foo'|truncate(11, false, '..', 0)|'hello'|truncate(3)|'hello world'|truncate(11)|'hello world, again'|truncate(8, leeway=0)|'hello world'|truncate(5, end='')|'a b c d e f'|wordwrap(3)|'hello wonderful world'|wordwrap(8)|'hello wonderful world'|wordwrap(8, false)|'a-b well-known em--dash x'|wordwrap(6)|'well-known'|wordwrap(6, break_on_hyphens=false)|'a\\nb c d'|wordwrap(3, wrapstring='|')|'one  two   three'|wordwrap(5)|'x'|wordwrap(0)|'well-known fact-check abc-def-ghi'|wordwrap(10)|'aaaaaaaaaaaaaaaaaaaaaaaaa'|wordwrap(7)|'--option some-thing'|wordwrap(8)
'a\\nb\\n\\nc'|indent|'a\\nb\\n\\nc'|indent(2, blank=true)|'a\\nb'|indent(first=true)|'a\\nb\\n'|indent|''|indent(first=true)|'a'|indent('xx', true)|1|indent|'foo bar'|wordcount|'foo-bar é1 _x'|wordcount|'<p>a <b>b</b>\\n c</p>'|striptags|'a &lt; b &amp; &#39;c&#39; <!-- x <i> -->d'|striptags|{'class': 'a b', 'id': none, 'x': '<'}|xmlattr|{'a b': 1}|xmlattr|{}|xmlattr|'a b/c?d=é&'|urlencode|{'a b': 'c/d', 'e': 1}|urlencode|[('a', 1), ('b', 2)]|urlencode|'see http://a.example.com/x, or (www.foo.org) me@x.org'|urlize|'http://aaaaaaaaaaaaaaaaaaaaaa.com'|urlize(10)|'http://a.com'|urlize(nofollow=true, target='_blank')|'<script>'|urlize|'a<b'|e|'a<b'|escape|string|'a<b'|safe|e|'a<b'|safe|forceescape|('<'|safe) + '<'|('<'|safe) ~ '<'|'<'|e|e|('%s'|safe) % '<'|('<'|safe)|upper|('a'|safe) is escaped|['<'|safe, '<']|join('>')|('<'|safe).join(['<', '>'|safe])|'<'|e|tojson
1000|filesizeformat|1|filesizeformat|0|filesizeformat|999|filesizeformat|1500000|filesizeformat|1048576|filesizeformat(true)|'1024'|filesizeformat(binary=true)|1e30|filesizeformat|42.55|round|42.55|round(1)|2.5|round|3.5|round|-2.5|round|42.55|round(1, 'ceil')|42.55|round(1, 'floor')|42|round|42|round(2)|1234|round(-2)|1250|round(-2)|1350|round(-2)|2.675|round(2)|1e20|round|'a'|round|42.9|int|-42.9|int|'42'|int|'42.9'|int|'x'|int|'x'|int(7)|'0x1A'|int(0, 16)|'1A'|int(0, 16)|'0b11'|int(0, 2)|'777'|int(0, 8)|'0x1A'|int|'0x1A'|int(base=0)|' 5 '|int|'1_000'|int|'1e3'|int|none|int|[]|int|true|int|'3.5'|float|'1e3'|float|'inf'|float|'nan'|float|'x'|float|none|float|'x'|float(1.5)|[1]|float|3|float|'%.2f'|format(3.14159)|'%s-%s'|format(1, 2)|'%(a)s'|format(a=5)|'x'|format(1)|'hello wORLD-foo (bar) <baz>'|title|'hELLO'|capitalize|'abc'|center(10)|'abc'|center(9)|5|center(4)|'abc'|trim('ac')|12|trim|'AbC'|swapcase|'a'|nosuchfilter|'abc'|attr('upper')|d|attr('b')|d|attr('keys')|s|attr('nope') is defined|namespace(a=3)|attr('a')|[1, none, 0, 'x', '']|select|list|[1, none, 0, 'x', '']|reject|list|[1, 2, 3, 4]|select('odd')|list|[1, 2, 3, 4]|select('divisibleby', 2)|list|[1, 2, 3]|select('gt', 1)|list|['a', 'b']|map('upper')|join|['a', 'b']|map('replace', 'a', 'z')|list|[[3, 1], [2]]|map('sort')|list|[{'a': 1}, {}]|map(attribute='a')|list|[{'a': 1}, {}]|map(attribute='a', default=5)|list|[1]|map|list|[1]|map(attribute='a', foo=1)|list|[1, 2]|map('string')|first|[1, 2]|map('string')|length|[1, 2]|map('string')|last|[1]|map('string') is iterable|[1]|map('string') is sequence|[1, 2, 3]|select('odd')|map('string')|join('+')|[nope]|[nope]|join|[none]|join(',')|nope|join|nope|list|nope|upper|nope|length|nope|first|nope|last|nope|sum|nope|sort|nope|abs|nope|int|nope|float|nope|round|nope|string|nope|trim|nope|replace('a', 'b')|nope|default|nope|e|nope|title|nope|indent|nope|unique|list|nope|map('upper')|list|nope|reverse|list|nope|dictsort|nope|batch(2)|list|nope|wordcount|nope|center(3)|nope|capitalize|none|upper|none|length|none|list|none|default('x')|none|default('x', true)|none|trim|none|join|none|first|none|string"""

# whole templates, apart by lines of ====
TEMPLATES = r"""
{% for x in [1, 2, 3] %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }}{{ loop.changed(x // 2) }};{% endfor %}
====
{% for x in [1, 2, 3, 4, 5] if x is odd %}{{ loop.index }}/{{ loop.length }}:{{ x }}{{ loop.nextitem is defined }}{{ loop.previtem is defined }} {% else %}none{% endfor %}
====
{% for x in [] %}{{ x }}{% else %}empty{{ x }}{% endfor %}
====
{% for x in [1,2] if x > 5 %}{{ x }}{% else %}empty{% endfor %}
====
{% for x in [1, 2] if loop.first %}{{ x }}{% endfor %}
====
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for k, v in d|dictsort %}{{ k }}{{ v }}{% endfor %}
====
{% for a, (b, c) in [(1, (2, 3)), [4, 'xy']] %}{{ a }}{{ b }}{{ c }} {% endfor %}
====
{% for a, b in [[1, 2, 3]] %}{% endfor %}
====
{% for a, b in [[1]] %}{% endfor %}
====
{% for a, b in [1] %}{% endfor %}
====
{% for x in 5 %}{% endfor %}
====
{% for x in none %}{% endfor %}
====
{% for x in nope %}{{ x }}{% else %}E{% endfor %}
====
{% for c in 'héy' %}{{ c }}.{% endfor %}{% for x in range(3) %}{{ x }}{% endfor %}{% for x in 1, 2 %}{{ x }}{% endfor %}
====
{% for item in tree recursive %}{{ loop.depth }}:{{ item.v }}{% if item.kids %}[{{ loop(item.kids) }}]{% endif %}{% endfor %}
====
{% for item in tree recursive %}{{ loop.depth0 }}{{ loop.index }}{{ loop.last }}{{ loop(item.kids) }}{% else %}-{% endfor %}
====
{% for x in [1] %}{{ loop([2]) }}{% endfor %}
====
{% for x in [1, 2, 3, 4] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}{% endif %}{{ x }}{% else %}E{% endfor %}
====
{% for x in [1, 2] %}{% for y in [1, 2, 3] %}{% if y == 2 %}{% break %}{% endif %}{{ x }}{{ y }}{{ loop.index }} {% endfor %}{{ loop.index }};{% endfor %}
====
{% break %}
====
{% for x in [1] %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}
====
{% for x in [1, 2] %}{% set y = x %}{% endfor %}{{ y }}|{{ x }}|{{ y is defined }}
====
{% set y = 0 %}{% for x in [1, 2] %}{{ y }}{% set y = y + x %}{{ y }} {% endfor %}{{ y }}
====
{% set ns = namespace(n=0) %}{% for x in [1, 2, 3] %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }}{{ ns.m is defined }}{{ ns.m }}
====
{% set ns = namespace() %}{% set ns.a, b = 1, 2 %}{{ ns.a }}{{ b }}{% set ns._x = 1 %}
====
{% set d.x = 1 %}
====
{% set x.y = 1 %}
====
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, d) = [3, 4] %}{{ c }}{{ d }}{% set a, b = b, a %}{{ a }}{{ b }}
====
{% set a = 1, 2 %}{{ a }}{% set a = (1) %}{{ a }}{% set a = 1, %}{{ a }}
====
{% set a, b = 1 %}
====
{% set true = 1 %}
====
{% set x %}  a {{ 1 + 1 }} b {% endset %}[{{ x }}]{{ x|length }}{{ x is string }}
====
{% set x | upper | trim %} a{% set y = 5 %}b {% endset %}[{{ x }}]{{ y is defined }}
====
{% set x | replace('a', 'b') %}aXa{% endset %}{{ x }}
====
{% if 1 %}{% set q = 1 %}{% else %}{% set q = 2 %}{% endif %}{{ q }}{% if nope %}a{% elif none %}b{% elif 'x' %}c{% else %}d{% endif %}
====
{% if false %}{{ 'x'|nosuchfilter }}{% endif %}ok
====
{% if false %}{% for x in [1] %}{{ 'x'|nosuchfilter }}{% endfor %}{% endif %}ok
====
{{ 'x'|nosuchfilter if false else 'y' }}{{ 1 is nosuch if false }}
====
{% for x in [] %}{{ 'x'|nosuchfilter }}{% endfor %}
====
{% macro m(a, b='B', c=none) %}<{{ a }}|{{ b }}|{{ c }}>{% endmacro %}{{ m(1) }}{{ m(1, 2, 3) }}{{ m(a=1, c=4) }}{{ m() }}{{ m(1, c=2) }}
====
{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(b=2) }}
====
{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}{{ m() }}
====
{% macro m(a) %}{{ a }}{{ varargs|join(',') }}{% for k, v in kwargs.items() %}{{ k }}{{ v }}{% endfor %}{% endmacro %}{{ m(1, 2, 3, z=4) }}
====
{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}
====
{% macro m(a) %}{% endmacro %}{{ m(b=2) }}
====
{% macro m(a) %}{% endmacro %}{{ m(1, a=2) }}
====
{% macro m(a=1, b) %}{% endmacro %}
====
{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(**{'a': 3, 'b': 4}) }}{{ m(*[5], **{'b': 6}) }}
====
{% macro m(a) %}[{{ caller() }}{{ a }}]{% endmacro %}{% call m(1) %}in{{ 1 + 1 }}{% endcall %}{% call m(2) %}{% endcall %}
====
{% macro m() %}{{ caller('x', y='z') }}{% endmacro %}{% call(a, y, w='W') m() %}{{ a }}{{ y }}{{ w }}{% endcall %}
====
{% macro m() %}{{ caller is defined }}{{ caller }}{% endmacro %}{{ m() }}
====
{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}
====
{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}
====
{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(5) }}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ m }}
====
{% set g = 1 %}{% macro m() %}{{ g }}{{ h }}{% endmacro %}{{ m() }}{% set g = 2 %}{% set h = 3 %}{{ m() }}
====
{% for x in [1, 2] %}{% macro m() %}{{ x }}{{ loop.index }}{% endmacro %}{{ m() }}{% endfor %}{{ m is defined }}
====
{% macro m() %}{% set q = 5 %}{{ q }}{% endmacro %}{{ m() }}{{ q is defined }}
====
{{ m() }}{% macro m() %}x{% endmacro %}
====
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% set c = 3 %}{% endwith %}{{ a is defined }}{{ c is defined }}
====
{% set a = 9 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}{% with %}{% set a = 7 %}{{ a }}{% endwith %}{{ a }}
====
{% filter upper %}a{{ 'b' }}{% set z = 1 %}{% endfilter %}{{ z is defined }}{% filter replace('a', 'b')|trim %} aa {% endfilter %}
====
{% filter nosuch %}{% endfilter %}
====
{% generation %}a{{ 1 }}{% set z = 1 %}{% endgeneration %}{{ z is defined }}
====
{% block a %}x{% set q = 1 %}{% endblock %}{{ q is defined }}{% for x in [1] %}{% block b %}{{ x }}{% endblock b %}{% block c scoped %}{{ x }}{% endblock %}{% endfor %}
====
{% block a %}{% endblock %}{% block a %}{% endblock %}
====
{% print 1, 'a' %}{% print [1] %}
====
{% autoescape false %}{{ '<' }}{% endautoescape %}
====
{% include 'x' %}
====
{% import 'x' as y %}
====
{% extends 'x' %}
====
{% if false %}{% include 'x' %}{% endif %}ok
====
{% raw %}{{ x }}{% if %}{# c #}{% endraw %}|{%- raw -%}  a  {%- endraw -%}  b
====
{% raw %}
 x
{% endraw %}
y
====
  {% raw %}  x {% endraw +%}
 y
====
a {# comment #} b {#- c -#} d
 {# whole line #}
e
====
a {# never
====
{% raw %} x
====
  {% if true %}
  x
  {% endif %}
  {{ 1 }}
  {%- if true -%}
    y
  {%- endif %}
z
====
  {%+ if true %}a{% endif +%}
 b
====
{{ 1 -}}   x   {{- 2 }} {{+ 3 }}
====
{% for x in [1, 2] -%}
  {{ x }}
{% endfor -%}
end
====
a
{% set x = 1 %}

b
====
	{% set x = 1 %}	c
{%- set y = 2 %}
d
====
x{% set a = 1 %}
  {% set b = 2 %}  
y  {% set c = 3 %}
====
{{ "a\nb" }}
{{- 'c' -}}

d

====
line1
line2

====
{% for x in [1] %}: {{ x }}{% endfor %}{% if 1: %}y{% endif: %}
====
{% if 1: %}y{% endif %}{% for x in [1]: %}{{ x }}{% endfor %}
====
{% unknown %}
====
{% if %}x{% endif %}
====
{% if 1 %}
====
{% endif %}
====
{% for x in [1] %}{% endif %}
====
{{ }}
====
{{ 1 2 }}
====
{{ (1 }}
====
{{ [1) }}
====
{{ 'abc }}
====
{{ 1 + }}
====
{{ a b }}
====
{{ ! }}
====
{{ 1 | }}
====
{{ x is }}
====
{% set %}
====
{% set 1 = 2 %}
====
{% for 1 in [1] %}{% endfor %}
====
{{ f(a=1, 2) }}
====
{{ f(a=1, a=2) }}
====
{{ 1 is odd is even }}
====
{% macro %}{% endmacro %}
====
{% macro m(1) %}{% endmacro %}
====
{{ {1 2} }}
====
{{ {'a': } }}
====
{% call 1 %}{% endcall %}
====
{{ raise_exception('no!') }}
====
{{ raise_exception() }}
====
{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.next() }}{{ c.reset() }}{{ c.next() }}
====
{{ cycler() }}
====
{% set j = joiner('|') %}{% for x in [1, 2, 3] %}{{ j() }}{{ x }}{% endfor %}
====
{% set g = [1, 2, 3]|map('string') %}{{ g|join('.') }}[{{ g|join('.') }}]
====
{% set g = [1, 2, 3]|select('odd') %}{% for x in g %}{{ x }}{{ loop.last }}{{ loop.length }}{% endfor %}{% for x in g %}again{% endfor %}
====
{% set g = ['a']|map('nosuch') %}unused
====
{% set r = [1, 2]|reverse %}{{ r|list }}{{ r|list }}
====
{% for g in people[:3]|groupby('age') %}{{ g.grouper }}:{{ g.list|length }};{{ g[0] }}{% endfor %}{% for a, l in people[:3]|groupby('city.name') %}{{ a }}{{ l|map(attribute='name')|join }}{% endfor %}
====
{% for row in [1, 2, 3, 4, 5]|batch(2, 'x') %}{{ row|join('-') }};{% endfor %}
====
{% for m in messages %}{{ loop.index }}{{ m.role }}{% if m.content is string %}{{ m.content|trim }}{% else %}{% for c in m.content %}{{ c.type }}{{ c.text }}{% endfor %}{% endif %}{% if m.tool_calls %}{{ m.tool_calls|tojson }}{% endif %}
{% endfor %}
====
{% set loop_messages = messages[1:] if messages[0]['role'] == 'system' else messages %}{{ loop_messages|length }}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}bad{% endif %}{{ message['content']|string|length }}{% endfor %}
====
{%- set ns = namespace(found=false, last=messages|length - 1) %}{%- for m in messages[::-1] %}{%- set i = (messages|length - 1) - loop.index0 %}{%- if not ns.found and m.role == 'user' %}{%- set ns.found = true %}{%- set ns.last = i %}{%- endif %}{%- endfor %}{{ ns.last }}{{ ns.found }}{{ ns }}
====
{{ messages[2].content.split('w')[-1].lstrip('\n') }}|{{ messages[2].content.upper() }}|{{ messages[2].content|lower|title }}
====
{% set content = messages[2].content %}{{ content[:5] ~ '|' ~ content[5:] }}{{ content.find('ß') }}{{ content|length }}{{ content[::-1] }}
====
{{ bos_token }}{{ unknown_token }}{{ (1, 'a')[1] }}{{ [1, 2]|string }}{{ {'a': none}|string }}
====
{% for x in [1, 2, 3] %}{{ loop }}{% endfor %}
====
{% for x in [3, 3, 4] %}{% if loop.changed(x) %}{{ x }}{% endif %}{% endfor %}{% for x in [1, 2] %}{{ loop.cycle() }}{% endfor %}
====
{% for a in [1, 2] %}{% set outer = loop %}{% for b in [1, 2] %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}
====
{% set ns = namespace(stop=false) %}{% for x in [1, 2, 3] if not ns.stop %}{{ x }}{% if x == 2 %}{% set ns.stop = true %}{% endif %}{% endfor %}
====
{{ ''.__class__.__mro__ }}
====
{{ [].__init__.__globals__ }}
====
{{ d._private }}|{{ d._private is defined }}
====
{{ namespace(a=1).__dict__.x }}
====
{{ d.__getitem__('b') }}
====
{{ (d.items)() }}
====
{{ none() }}
====
{{ 5() }}
====
{{ s() }}
====
{{ nope() }}
====
{{ s.nope() }}
====
{{ d.nope.x }}
====
{{ [1][5].x }}
====
{{ none.x.y }}
====
{{ 1.x }}
====
{{ d . b }}{{ d [ 'b' ] }}{{ d.get ( 'b' ) }}
====
{%if 1%}a{%endif%}{{1}}{%for x in[1]%}{{x}}{%endfor%}
====
{{ 'a' if n==7 else 'b' }}{{ ('a' if n!=7 else 'b')|upper }}{{ n if n is defined else '' }}
====
{{ "a" "b" 'c' }}{{ 'a'
'b' }}
====
{{ dict(a=1).items()|list }}{{ dict(**{'x': 2}).x }}{{ dict(*[[('k', 'v')]]).k }}
====
{% set x = {'a': [1, {'b': (2, 3)}]} %}{{ x.a[1].b[0] }}{{ x['a'][1]['b'][-1] }}{{ x.a.1.b.0 }}
====
{{ people|map(attribute='name')|map('lower')|sort|join(', ') }}{{ people|selectattr('age', 'ge', 30)|map(attribute='name')|list }}
====
{{ lipsum }}
====
{% set t = 'x' %}{% if t is in ['x', 'y'] and t is not none %}in{% endif %}{% if t in ('x',) %}tuple{% endif %}
====
{% macro a() %}{% macro b() %}inner{% endmacro %}{{ b() }}{% endmacro %}{{ a() }}
====
{% macro outer() %}{% call inner() %}c1{{ caller() }}{% endcall %}{% endmacro %}{% macro inner() %}[{{ caller() }}]{% endmacro %}{% call outer() %}c0{% endcall %}
====
{% set f = s.upper %}{{ f() }}{% set j = ','.join %}{{ j(['a', 'b']) }}
====
{{ [s.upper, s.lower][1]() }}{{ {'f': s.title}.f() }}
====
{% for i in range(3) %}{% for j in range(i) %}{{ i }}{{ j }}{{ ' ' if not loop.last }}{% endfor %}{{ ',' if not loop.last else '.' }}{% endfor %}
====
{{- '\n' -}}
====
a{{ '' }}
 {{- 1 }}
====
{% set x = true %}{% if x is true %}t{% endif %}{% if x is sameas(true) %}s{% endif %}{% if 1 is true %}n{% endif %}
====
{{ 1 if true }}{{ 2 if false }}|{{ (3 if false)|default('d') }}
====
{{ x is defined and x.y }}{{ x and x.y }}{{ x.y is defined }}
====
{{ d['items'] }}
====
{{ d.items is callable }}{{ d.b is callable }}{{ raise_exception is callable }}{{ range is defined }}
====
{{ '%s' | format(nope) }}{{ '{}'.format(nope) }}|{{ nope ~ nope }}|{{ [nope, none] }}|{{ {'a': nope} }}
"""


def judge(template):
    row = {"template": template}
    try:
        row["text"] = _compile_jinja_template(template).render(**CONTEXT)
    except RecursionError:
        raise
    except Exception as e:  # whatever Python raises is the oracle's refusal
        row["error"] = f"{type(e).__name__}: {e}"
    return row


def expressions(block):
    """Expressions lie apart by bars; a bar of a filter has no space to its left or is followed by a filter's name."""
    out = []
    for line in block.split("\n"):
        pieces = line.split("|")
        for piece in pieces:
            name = piece.split("(")[0].split(".")[0].split("[")[0].split(" ")[0]
            glued = out and (name in FILTERS or name in ("random", "urlize", "swapcase", "nosuchfilter")) and pieces[0] is not piece
            broken = out and judge_syntax(out[-1])
            if (glued or broken) and out:
                out[-1] += "|" + piece
            else:
                out.append(piece)
    return out


def judge_syntax(expression):
    """Whether a string is still open: then the bar was inside it."""
    quote = None
    i = 0
    while i < len(expression):
        c = expression[i]
        if quote:
            if c == "\\":
                i += 1
            elif c == quote:
                quote = None
        elif c in "'\"":
            quote = c
        i += 1
    return quote is not None


TOOL = {"type": "function", "function": {"name": "get_weather", "description": "Weather \"now\" <here>", "parameters": {"type": "object", "properties": {
    "city": {"type": "string", "description": "A city"}, "unit": {"type": "string", "enum": ["C", "F"]}, "days": {"type": ["integer", "null"]}}, "required": ["city"]}, "return": {"type": "string"}}}
CALL = {"id": "call00001", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Zürich", "n": 2, "x": [1.5, None, True]}}}
CONVERSATIONS = [
    [{"role": "user", "content": "What is 12*13?"}],
    [{"role": "system", "content": " You are terse. "}, {"role": "user", "content": "Hi\n"}, {"role": "assistant", "content": " Hello!"}, {"role": "user", "content": "日本語 ß <|im_end|>"}],
    [{"role": "user", "content": "q"}, {"role": "assistant", "content": "<think>\nhm\n</think>\n\n156"}, {"role": "user", "content": "again"}, {"role": "assistant", "content": "x", "reasoning_content": "why"}],
    [{"role": "user", "content": "w?"}, {"role": "assistant", "content": "", "tool_calls": [CALL]}, {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": "{\"t\": 1}"}, {"role": "assistant", "content": "1 degree"}],
    [{"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image"}, {"type": "text", "text": "this"}]}],
    [{"role": "system", "content": [{"type": "text", "text": "sys"}]}, {"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    [{"role": "assistant", "content": "first"}], [{"role": "developer", "content": "dev"}, {"role": "user", "content": "u"}], [{"role": "user", "content": ""}], [],
]


def real(folder):
    for path in sorted(pathlib.Path(folder).rglob("*.jinja")):
        for messages in CONVERSATIONS:
            for tools in (None, [TOOL]):
                for extra in ({"bos_token": "<s>", "eos_token": "</s>"}, {"bos_token": "<s>", "eos_token": "</s>", "enable_thinking": False, "documents": [{"title": "t", "text": "d"}], "builtin_tools": ["python"]}):
                    row = {"template": str(path.relative_to(folder)), "messages": messages, "tools": tools, "add_generation_prompt": extra.get("enable_thinking") is None, "extra": extra}
                    context = dict(extra, messages=messages, tools=tools, add_generation_prompt=row["add_generation_prompt"])
                    try:
                        row["text"] = _compile_jinja_template(path.read_text()).render(**context)
                    except Exception as e:
                        row["error"] = f"{type(e).__name__}: {e}"
                    print(json.dumps(row, ensure_ascii=False))


def refused(template, shown):
    """Why we refuse what Python has a text for; None when we do not."""
    if re.search(r"\d{20}", shown) and "." not in shown:
        return "whole numbers have 64 bits"
    if re.search(r"\dj\)", shown):
        return "no complex numbers"
    if "['a':]" in template:
        return "Jinja's folding of constants is laxer than its running"
    if "templatereference" in shown:
        return "no reference to the template itself"
    return None


def main():
    if len(sys.argv) > 1:
        return real(sys.argv[1])
    templates = []
    for name, calls in FILTERS.items():
        for call in calls:
            templates += ["{{ (%s)|%s%s }}" % (v, name, call) for v in VALUES]
    templates += ["{{ (%s) is %s }}" % (v, t) for t in TESTS for v in VALUES]
    templates += ["{{ %s %s %s }}" % (a, op, b) for op in BINARY for a in OPERANDS for b in OPERANDS]
    templates += ["{{ %s }}" % v for v in VALUES] + ["{{ not (%s) }}{{ -(%s) }}" % (v, v) for v in VALUES]
    templates += ["{{ 'y' if (%s) else 'n' }}" % v for v in VALUES]
    for block in (STR_METHODS, OTHER_METHODS, EXPRESSIONS):
        templates += ["{{ %s }}" % e for e in expressions(block)]
    templates += [t[1:] if t.startswith("\n") else t for t in ("\n" + TEMPLATES.strip("\n") + "\n").split("====")]
    seen = set()
    print(json.dumps({"context": CONTEXT}, ensure_ascii=False))
    for t in templates:
        if t in seen:
            continue
        seen.add(t)
        row = judge(t)
        shown = row.get("text", "").lower()
        if " at 0x" in shown or "<bound method" in shown or "<class" in shown or "random" in t:  # an address, or a throw of dice
            continue
        if "[1]|map('string')" in t and any(f in t for f in ("wordcount", "striptags", "replace", "lower", "upper")):  # of an address
            continue
        if refusal := refused(t, shown):
            row["refused"] = refusal
        print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
