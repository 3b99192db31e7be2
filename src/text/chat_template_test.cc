#include "text/chat_template.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/durable_file.h"
#include "base/error.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

std::string shared_file(const std::string& name) {
  const char* root = std::getenv("R1_SHARED");
  return (root != nullptr ? std::string(root) : std::string(R1_SOURCE_DIR) + "/../shared") + "/goldens/" + name;
}

Json greeting() {
  return {{"messages", {{{"role", "user"}, {"content", "hi"}}}}, {"tools", nullptr}, {"add_generation_prompt", false}};
}

std::string render(const std::string& source) { return ChatTemplate::parse(source, "t.jinja")->render(greeting()); }

std::string message_of(const std::string& source) {
  try {
    render(source);
  } catch (const Error& e) {
    return e.what();
  }
  return "rendered";
}

std::string times(size_t n, const std::string& text) {
  std::string out;
  for (size_t i = 0; i < n; i++) out += text;
  return out;
}

// transformers' own rendering of real templates; "error" marks what the template refuses.
TEST(ChatTemplate, RealTemplatesAsTransformers) {
  std::ifstream lines(shared_file("templates/cases.jsonl"));
  if (!lines) GTEST_SKIP() << shared_file("templates/cases.jsonl") << " is absent";
  setenv("SOURCE_DATE_EPOCH", "1795478400", 1);
  int count = 0, refused = 0;
  for (std::string line; std::getline(lines, line); count++) {
    const Json row = Json::parse(line);
    const std::string name = row["template"].get<std::string>();
    Json context = row["extra"];
    for (const char* key : {"messages", "tools", "add_generation_prompt"}) context[key] = row[key];
    const auto parsed = ChatTemplate::parse(read_text_file(shared_file("templates/" + name)), name);
    if (row.contains("text")) {
      EXPECT_EQ(parsed->render(context), row["text"].get<std::string>()) << name << ", case " << count + 1;
      continue;
    }
    refused++;
    try {
      parsed->render(context);
      ADD_FAILURE() << name << " accepts case " << count + 1;
    } catch (const Error& e) {  // the Python exception's name is left out
      const std::string why = row["error"].get<std::string>();
      EXPECT_NE(std::string(e.what()).find(why.substr(why.find(": ") + 2)), std::string::npos) << e.what();
    }
  }
  unsetenv("SOURCE_DATE_EPOCH");
  EXPECT_GE(count, 256);
  EXPECT_GE(refused, 16);
}

// Rendered by transformers 5 (Jinja 3.1): the template, the text.
TEST(ChatTemplate, LanguageAsJinja) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{{ 1.50 + 1e2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 1 / 4 }}", "101.5 3 -4 2 1024 0.25"},
      {"{% raw %}\n{{ x }} {% if %}\n{% endraw %}\nb", "\n{{ x }} {% if %}\nb"},
      {"a  {%- raw -%}  x  {%- endraw -%}  b", "axb"},
      {"{% for a, b in [[1, 2], [3, 4]] %}{{ loop.index }}{{ a }}{{ b }}{{ loop.last }};{% else %}none{% endfor %}",
       "112False;234True;"},
      {"{% for x in [1, 2, 3] if x != 2 %}{{ loop.length }}{{ loop.previtem }}{{ x }} {% endfor %}", "21 213 "},
      {"{% for x in [] %}{% else %}empty{% endfor %}", "empty"},
      {"{% for x in range(5) %}{% if x == 3 %}{% break %}{% endif %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% "
       "endfor %}",
       "02"},
      {"{% set ns = namespace(n=1) %}{% for x in [1,2] %}{% set ns.n = ns.n * 10 %}{% endfor %}{{ ns.n }}", "100"},
      {"{% macro m(a, b='q') %}<{{ a }}|{{ b }}>{% endmacro %}{{ m(1) }}{{ m(2, b=3) }}", "<1|q><2|3>"},
      {"{% set s %}x{{ 1 }}y{% endset %}{{ s }}{{ s|length }}", "x1y3"},
      {"{{ [1, 'a', none, true, 1.0, {'k': 'v'}] }} {{ {'a': [1, {'b': none}]}|tojson }}",
       "[1, 'a', None, True, 1.0, {'k': 'v'}] {\"a\": [1, {\"b\": null}]}"},
      {"{{ {'a': [1, 2], 'b': {}}|tojson(indent=2) }}", "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}"},
      {"{{ 'abcdef'[1:-1] }} {{ 'abcdef'[::-1] }} {{ [1,2,3][-1] }} {{ 'é中x'[1] }} {{ 'abc'[-1] }}",
       "bcde fedcba 3 中 c"},
      {"{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a b c'.split(' ', 1) }}",
       "['a', 'b', '', 'c'] ['a', 'b'] ['a', 'b c']"},
      {"{{ '  x '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'xxa'.lstrip('x') }}|{{ 'axx'.rstrip('x') }}|{{ "
       "'ab'.replace('a', 'cc') }}|{{ 'hello world'|title }}|{{ 'ABC'|lower }}|{{ 'hello'|capitalize }}",
       "x|a|a|a|ccb|Hello World|abc|Hello"},
      {"{{ 'b' in 'abc' }} {{ 3 in [1, 2] }} {{ 'k' in {'k': 1} }} {{ 3 not in [1] }} {{ x is defined }} {{ none is "
       "none }} {{ 'a' is string }} {{ [1] is mapping }} {{ 3 is odd }} {{ 2 is not odd }}",
       "True False True True False True True False True True"},
      {"{{ [{'a':1},{'a':2},{}]|selectattr('a','defined')|map(attribute='a')|join(',') }} {{ "
       "[1,2,3,4]|select('even')|list }} {{ [1,2,3]|reject('equalto', 2)|list }} {{ ['a','b']|map('upper')|join }}",
       "1,2 [2, 4] [1, 3] AB"},
      {"{{ x|default('d') }} {{ ''|default('e', true) }} {{ 'a' ~ 1 ~ none }} {{ 'y' if false else 'z' }} {{ 'y' if "
       "false }}|",
       "d e a1None z |"},
      {"{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb'|indent(2, true) }}", "a\n    b\n\n    c|  a\n  b"},
      {"  {% if true %}\n  x\n  {% endif %}\n  {{ 1 }}\n  {#- c -#}\n  y\n", "  x\n  1y"},
      {"  {%+ if true %}a{% endif +%}\n b", "  a\n b"},
      {"{{ '%s' }}{{ \"a\\tb\\u00e9\\\\n\\'\" }}{{ 'it''s' }}", "%sa\tbé\\n'its"},
      {"{{ 'a' * 3 }}{{ not true or 1 }}{{ 1 < 2 and 'q' }} {{ 5 == 5.0 }} {{ 'a' < 'b' }} {{ -3|abs }} {{ '12'|int + "
       "1 }} {{ 'x'|int }} {{ 3.7|int }} {{ [1] + [2] }}",
       "aaa1q True True 3 13 0 3 [1, 2]"},
      {"{{ 'abcabc'.find('c') }} {{ 'abcabc'.count('b') }} {{ {'a': 1}.get('b', 7) }} {{ {'a': 1}.keys()|list }} {{ "
       "'x.y'.startswith(('x', 'z')) }} {{ [1,2].index(2) }} {{ ','.join(['p','q']) }}",
       "2 2 7 ['a'] True 1 p,q"},
      {"{% generation %}g{% endgeneration %}{{ \"it's\" | tojson }}{{ ['it\\'s'] }}{{ '<a> & é' | tojson }}",
       "g\"it's\"[\"it's\"]\"<a> & é\""},
      {"{% if x %}1{% elif messages %}2{% else %}3{% endif %}{{ messages[0].role }}{{ messages[0]['content'] }}{{ "
       "messages|length }}",
       "2userhi1"},
      {"{{ 1e16 }} {{ 1e-7 }} {{ 0.1 + 0.2 }} {{ 123456789012345678 }} {{ 1e300 * 1e10 }}",
       "1e+16 1e-07 0.30000000000000004 123456789012345678 inf"}};
  for (const auto& [source, text] : cases) EXPECT_EQ(render(source), text) << source;
}

// Every filter, test, operator, method and statement, over many values: tools/make_template_cases.py asked
// transformers.
TEST(ChatTemplate, WholeLanguageAsTransformers) {
  std::ifstream lines(std::string(R1_SOURCE_DIR) + "/tests/golden/templates/language.jsonl");
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  const Json context = Json::parse(line)["context"];
  int texts = 0, errors = 0;
  while (std::getline(lines, line)) {
    const Json row = Json::parse(line);
    const std::string source = row["template"].get<std::string>();
    const bool refused = row.contains("error") || row.contains("refused");
    try {
      const std::string text = ChatTemplate::parse(source, "t.jinja")->render(context);
      if (refused)
        ADD_FAILURE() << source << " should be refused (" << line << ") but gives\n" << text;
      else
        EXPECT_EQ(text, row["text"].get<std::string>()) << source;
    } catch (const Error& e) {
      if (!refused) ADD_FAILURE() << source << " should give\n" << row["text"] << "\nbut: " << e.what();
    }
    (refused ? errors : texts)++;
  }
  EXPECT_GE(texts, 2000);
  EXPECT_GE(errors, 1000);
}

TEST(ChatTemplate, DateComesFromTheEnvironment) {
  setenv("SOURCE_DATE_EPOCH", "1795478400", 1);
  EXPECT_EQ(render("{{ strftime_now('%d %B %Y') }}"), "24 November 2026");
  unsetenv("SOURCE_DATE_EPOCH");
}

TEST(ChatTemplate, WhatItDoesNotKnowIsNamedWithItsPlace) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a\n  {% unknown %}", "t.jinja: line 2, column 6: unknown tag 'unknown'"},
      {"{{ 'x'|nofilter }}", "unknown filter 'nofilter'"},
      {"{{ 'x' is notest }}", "unknown test 'notest'"},
      {"{{ 'x'.nomethod() }}", "there is no method 'nomethod'"},
      {"{{ ''.__class__ }}", "access to attribute '__class__' of 'str' object is unsafe"},
      {"{{ nope.x }}", "'nope' is undefined"},
      {"{{ nope() }}", "'nope' is undefined"},
      {"{{ 'a' + 1 }}", "can only concatenate str (not \"int\") to str"},
      {"{{ 1 // 0 }}", "integer division or modulo by zero"},
      {"{{ 3 is divisibleby 0 }}", "integer modulo by zero"},
      {"{% for x in 5 %}{% endfor %}", "cannot be iterated"},
      {"{% if true %}", "expected endif"},
      {"a\n\n  {{ 1 + (2 - 'x') }}", "line 3, column 11: unsupported operand type(s) for -: 'int' and 'str'"},
      {"é {{ nope.x }}", "line 1, column 11: 'nope' is undefined"},
      {"{{ 1 ", "line 1, column 1: tag is not closed"},
      {"{# never", "comment is not closed"},
      {"{% raw %} x", "raw is not closed"},
      {"{{ 'abc }}", "string is not closed"},
      {"{{ '\\u12' }}", "cut short"},
      {"{{ ? }}", "unexpected character"},
      {"{{ 1 2 }}", "expected the end"},
      {"{% set x.y = 1 %}", "no namespace"},
      {"{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "takes 1 arguments, got 2"},
      {"{% macro m(a) %}{% endmacro %}{{ m(b=2) }}", "no argument 'b'"},
  };
  for (const auto& [source, message] : cases)
    EXPECT_NE(message_of(source).find(message), std::string::npos) << message_of(source);
  EXPECT_EQ(message_of("{{ raise_exception('no system') }}"), "no system");
}

// ---- what came from whom

std::string parts(const std::string& text, const std::vector<TextRange>& ranges) {
  std::string out;
  for (const TextRange& r : ranges) out += "[" + text.substr(r.begin, r.end - r.begin) + "]";
  return out;
}

// The user's text is "<b>é & x", the assistant's "yes <think>".
RenderedChat marked(const std::string& source) {
  const Json context = {{"messages",
                         {{{"role", "user"}, {"content", "<b>é & x"}},
                          {{"role", "assistant"}, {"content", "yes <think>"}},
                          {{"role", "<|x|>"}, {"content", {{{"text", "deep"}}}}}}},
                        {"tools", {{{"name", "add"}}}},
                        {"bos_token", "<s>"}};
  return ChatTemplate::parse("{% set u = messages[0].content %}" + source, "t.jinja")->render_marked(context);
}

TEST(ChatTemplateMarks, FollowTheTextThroughEveryOperation) {
  const std::vector<std::array<std::string, 3>> cases = {
      {"{{ bos_token }}<|{{ messages[0].role }}|>{{ u }}!", "<s><|user|><b>é & x!", "[<b>é & x]"},
      {"{{ messages[2].role }}", "<|x|>", "[<|x|>]"},
      {"{{ messages[2].content[0].text }}{{ tools[0].name }}", "deepadd", "[deepadd]"},
      {"{{ tools | tojson }}", "[{\"name\": \"add\"}]", "[name][add]"},
      {"{{ ('  ' ~ u ~ '  ') | trim }}", "<b>é & x", "[<b>é & x]"},
      {"{{ 'a' + u[3:4] + 'b' }}", "aéb", "[é]"},
      {"{{ u[::-1] }}{{ u[0] }}", "x & é>b<<", "[x & é>b<<]"},
      {"{{ u.replace('b', 'Q') }}", "<Q>é & x", "[<][>é & x]"},
      {"{{ 'a.b'.replace('.', u) }}", "a<b>é & xb", "[<b>é & x]"},
      {"{{ ('one ' ~ u ~ ' two') | upper }}", "ONE <B>É & X TWO", "[<B>É & X]"},
      {"{{ (u ~ ' lower') | title }}", "<B>é & X Lower", "[<B>é & X]"},
      {"{{ u.split(' ') | join('|') }}", "<b>é|&|x", "[<b>é][&][x]"},
      {"{{ '%s-%d' % (u, 3) }}{{ '{:>10}'.format(u) }}", "<b>é & x-3  <b>é & x", "[<b>é & x][<b>é & x]"},
      {"{{ [u, 1] }}", "['<b>é & x', 1]", "[<b>é & x]"},
      {"{{ u | e }}", "&lt;b&gt;é &amp; x", "[&lt;b&gt;é &amp; x]"},
      {"{{ u | indent(first=true) }}{{ u | center(10) }}|", "    <b>é & x <b>é & x |", "[<b>é & x][<b>é & x]"},
      {"{{ u * 2 }}{{ u | list | join }}", "<b>é & x<b>é & x<b>é & x", "[<b>é & x<b>é & x<b>é & x]"},
      {"{% set v %}({{ u }}){% endset %}{{ v }}", "(<b>é & x)", "[<b>é & x]"},
      {"{% macro m(t) %}({{ t }}){% endmacro %}{{ m(u) }}", "(<b>é & x)", "[<b>é & x]"},
      {"{% filter lower %}A{{ u }}{% endfilter %}", "a<b>é & x", "[<b>é & x]"},
      {"{{ u | urlencode }}{{ u | truncate(3, true, '', 0) }}", "%3Cb%3E%C3%A9%20%26%20x<b>",
       "[%3Cb%3E%C3%A9%20%26%20x<b>]"},
      {"{{ u | wordwrap(4) }}", "<b>é\n& x", "[<b>é][& x]"},
      {"{{ ('a ' ~ u) | urlize }}", "a &lt;b&gt;é &amp; x", "[a &lt;b&gt;é &amp; x]"},
  };
  for (const auto& [source, text, user] : cases) {
    const RenderedChat chat = marked(source);
    EXPECT_EQ(chat.text, text) << source;
    EXPECT_EQ(parts(chat.text, chat.user), user) << source;
    EXPECT_EQ(parts(chat.text, chat.model), "") << source;
  }
}

TEST(ChatTemplateMarks, TheModelsWordsAndWhatItIsToWrite) {
  const RenderedChat chat = marked("<{{ messages[1].content }}>{% generation %}a{{ u }}{% endgeneration %}b");
  EXPECT_EQ(chat.text, "<yes <think>>a<b>é & xb");
  EXPECT_EQ(parts(chat.text, chat.model), "[yes <think>]");
  EXPECT_EQ(parts(chat.text, chat.user), "[<b>é & x]");
  EXPECT_EQ(parts(chat.text, chat.generated), "[a<b>é & x]");
  const RenderedChat nested = marked(
      "{% macro m() %}({% generation %}x{% endgeneration %}){% endmacro %}0{% set s = m() %}{{ s }}{{ s|upper }}");
  EXPECT_EQ(nested.text, "0(x)(X)");
  EXPECT_EQ(parts(nested.text, nested.generated), "[x][X]");
}

// ---- hostile templates: each stops with an error, soon

TEST(ChatTemplateHostile, EndlessWork) {
  const std::string big = "{% set a = range(100000)|list %}";
  for (const std::string& source :
       {"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}" + std::string(),
        big + "{% for x in range(99999) %}{% if 'q' in a %}{% endif %}{% endfor %}",
        big + "{% set b = range(100000)|list %}{% for x in range(99999) %}{% if a == b %}{% endif %}{% endfor %}",
        big + "{{ a|select('in', a)|list|length }}",
        big + "{% for x in range(99999) %}{% set b = a|sort %}{% endfor %}",
        big + "{% set s = 'ab' * 500000 %}{% for x in range(9999) %}{% set b = s[::-1] %}{% endfor %}",
        std::string("{% set s = 'a' * 2000000 %}{{ (s ~ 'b') in s }}")})
    EXPECT_NE(message_of(source).find("t.jinja"), std::string::npos) << source.substr(0, 60);
}

TEST(ChatTemplateHostile, GrowingValues) {
  const std::string loop = "{% for x in range(99999) %}", end = "{% endfor %}";
  for (const std::string& source :
       {"{% set n = namespace(s='ab') %}" + loop + "{% set n.s = n.s ~ n.s %}" + end,
        "{% set n = namespace(s='ab') %}" + loop + "{% set n.s = n.s + n.s %}" + end,
        "{% set n = namespace(s=[1]) %}" + loop + "{% set n.s = n.s + n.s %}" + end,
        "{% set n = namespace(s=[1]) %}" + loop + "{% set n.s = [n.s] %}" + end,
        "{% set n = namespace(s=[1]) %}" + loop + "{% set n.s = [n.s, n.s] %}" + end,
        "{% set n = namespace(s={}) %}" + loop + "{% set n.s = {'a': n.s, 'b': n.s} %}" + end,
        std::string("{{ 'abc' * 1000000000000 }}"), std::string("{{ 'abc' * 200000000 }}"),
        std::string("{% set s = 'a' * 100000 %}{{ s.replace('a', s) }}"),
        std::string("{% set s = 'a' * 1000000 %}{{ range(100000)|join(s) }}"), std::string("{{ range(1000000) }}"),
        std::string("{{ range(0, 9223372036854775807, 4611686018427387904)|length "
                    "}}{{ range(-5, 5, 0) }}"),
        std::string("{{ 'a\nb'|indent(100000000) }}"), std::string("{{ [1]|tojson(indent=1000000000) }}"),
        loop + times(40, "{{ 'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz' }}") + end})
    EXPECT_NE(message_of(source).find("t.jinja"), std::string::npos) << source.substr(0, 80);
}

TEST(ChatTemplateHostile, DepthOfTheSource) {
  const size_t n = 100000;
  for (const std::string& source : {"{{ " + times(n, "(") + "1" + times(n, ")") + " }}",
                                    "{{ " + times(n, "[") + times(n, "]") + " }}",
                                    "{{ " + times(n, "{1:") + times(n, "}") + " }}",
                                    "{{ " + times(n, "not ") + "1 }}",
                                    "{{ " + times(n, "-") + "1 }}",
                                    "{{ 1" + times(n, " + 1") + " }}",
                                    "{{ 1" + times(n, " ** 1") + " }}",
                                    "{{ 1" + times(n, " or 1") + " }}",
                                    "{{ x" + times(n, ".x") + " }}",
                                    "{{ x" + times(n, "[0]") + " }}",
                                    "{{ x" + times(n, "()") + " }}",
                                    "{{ 1" + times(n, "|abs") + " }}",
                                    "{{ 1" + times(n, " is odd") + " }}",
                                    "{{ 1" + times(n, " if 1") + " }}",
                                    "{{ " + times(n, "1 if 1 else ") + "1 }}",
                                    "{{ " + times(n, "f(a=") + "1" + times(n, ")") + " }}",
                                    times(n, "{% if 1 %}") + times(n, "{% endif %}"),
                                    times(n, "{% for x in y %}"),
                                    times(n, "{% macro m() %}"),
                                    times(n, "{% set x %}")})
    EXPECT_NE(message_of(source).find("t.jinja"), std::string::npos) << source.substr(0, 40);
  EXPECT_EQ(render("{{ " + times(30, "(") + "1" + times(30, ")") + " }}"), "1");
  EXPECT_EQ(render("{{ 'a'" + times(n, " ~ 'a'") + " }}"), times(n + 1, "a"));
  EXPECT_EQ(render("{{ 1" + times(n, " == 1") + " }}"), "True");
  EXPECT_EQ(render(times(n / 2, "{{ 1 }}")), times(n / 2, "1"));  // long, but not deep: read in linear time
}

TEST(ChatTemplateHostile, Recursion) {
  EXPECT_NE(message_of("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").find("too deep"), std::string::npos);
  EXPECT_NE(message_of("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}")
                .find("too deep"),
            std::string::npos);
  EXPECT_EQ(render("{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(9) }}"),
            "9876543210");
}

TEST(ChatTemplateHostile, NumbersAtTheEdge) {
  EXPECT_NE(message_of("{{ " + times(400, "9") + " }}").find("no whole number up to 92233720368547758"),
            std::string::npos);
  for (const char* whole : {"9223372036854775808", "18446744073709551616", "0xFFFFFFFFFFFFFFFF"})
    EXPECT_NE(message_of(fmt::format("a\n {{{{ {} }}}}", whole)).find("line 2, column 5: '"), std::string::npos)
        << whole;
  EXPECT_EQ(render("{{ 1e400 }} {{ -1e400 }} {{ 1e-400 }} {{ 1_0 }}"), "inf -inf 0.0 10");  // Jinja2 3.1.6
  EXPECT_NE(message_of("{{ 1__0 }}"), "rendered");
  const auto parsed = ChatTemplate::parse("{{ n }}", "t.jinja");
  const Json above = {{"n", {uint64_t{1} << 63}}};
  try {
    ADD_FAILURE() << parsed->render(above);
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("variable n: the whole number 9223372036854775808 is above"),
              std::string::npos)
        << e.what();
  }
  EXPECT_NE(message_of("{{ 4611686018427387904 * 4 }}").find("64 bits"), std::string::npos);
  EXPECT_EQ(render("{{ 'abc'[999999999999999999:] }}{{ 'abc'[-999999999999999999:] }}"), "abc");
  EXPECT_EQ(render("{{ -999999999999999999|abs }}"), "999999999999999999");
  for (const char* source :
       {"{{ 1e300|int }}", "{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}",
        "{{ (-9223372036854775807 - 1)|abs }}", "{{ -(-9223372036854775807 - 1) }}",
        "{{ (-9223372036854775807 - 1) // -1 }}", "{{ 10 ** 19 }}", "{{ 3 ** 10000000 }}",
        "{{ '9223372036854775808'|int }}", "{{ [9223372036854775807, 1]|sum }}", "{{ '%d' % 1e19 }}"})
    EXPECT_NE(message_of(source).find("64 bits"), std::string::npos) << source << ": " << message_of(source);
}

TEST(ChatTemplateHostile, DeepAndLongContexts) {
  const auto parsed = ChatTemplate::parse("{{ messages|tojson }}", "t.jinja");
  Json deep = "x";
  for (int i = 0; i < 2000; i++) deep = Json::array({std::move(deep)});
  Json context = {{"messages", deep}};
  EXPECT_THROW(parsed->render(context), Error);
  EXPECT_THROW(parsed->render(Json::array()), Error);
  Json messages = Json::array();  // looking a message up must not copy them all
  for (int i = 0; i < 20000; i++) messages.push_back({{"role", "user"}, {"content", "some words of a message"}});
  context = {{"messages", messages}};
  const auto walk = ChatTemplate::parse(
      "{% for m in messages %}{{ messages[loop.index0].content[0] }}{{ messages|length }}{% endfor %}", "t.jinja");
  EXPECT_EQ(walk->render(context), times(20000, "s20000"));
}

TEST(ChatTemplateHostile, CutAnywhere) {
  const std::string whole =
      "{%- macro m(a, b='x') -%}{{ a|default('q')|tojson(indent=2) }}{% endmacro %}{% for x in messages if x.role == "
      "'user' %}{% set ns = namespace(k=1) %}{{ m(x.content[1:-1:2], b=[1, {'k': not 2.5e3}]) }}{# c #}{% raw %}{{{% "
      "endraw %}{% else %}{{ loop }}{% endfor %}";
  EXPECT_EQ(message_of(whole), "rendered");
  for (size_t n = 0; n < whole.size(); n++) {
    message_of(whole.substr(0, n));  // an error or a text, nothing else
    message_of(whole.substr(n));
  }
}

}  // namespace
}  // namespace r1
