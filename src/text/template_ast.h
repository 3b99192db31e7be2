// The tree of a parsed template.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/template_lexer.h"
#include "text/template_operators.h"

namespace r1::jinja {

enum class ExprKind : uint8_t {
  literal,
  name,
  list,
  tuple,
  dict,
  attribute,
  index,
  slice,
  call,
  filter,
  test,
  negate,
  plus,
  invert,
  both,
  either,
  arithmetic,
  concat,
  compare,
  conditional
};

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct Expr {
  ExprKind kind;
  TemplatePlace place;
  std::string text;  // name, attribute, filter or test
  Value value;       // literal
  Operator op = Operator::add;
  std::vector<std::string> comparisons;  // compare: the sign before each part but the first
  // Operands. slice: object, start, stop, step (null when left out); dict: key, value, ...; conditional: test, value,
  // else (or null); filter and test: the value (null in a filter block), then arguments; call: callee, arguments.
  std::vector<ExprPtr> parts;
  std::vector<std::pair<std::string, ExprPtr>> named;  // keyword arguments
  ExprPtr more, more_named;                            // *args and **kwargs of a call
  int height = 0;                                      // levels below: bounded, for trees are walked recursively
};

enum class NodeKind : uint8_t {
  text,
  print,
  set,
  set_block,
  condition,
  loop,
  break_loop,
  continue_loop,
  macro,
  call_block,
  filter_block,
  with,
  generation,
  block,
  unsupported
};

// What an assignment names: a variable, a namespace's attribute, or several.
struct Target {
  std::string name, attribute;
  std::vector<Target> parts;  // of a tuple
  bool is_tuple = false;
};

struct Node;
using Nodes = std::vector<std::unique_ptr<Node>>;

struct Node {
  NodeKind kind;
  TemplatePlace place;
  std::string text;             // text; a macro's or a block's name; of what is unsupported, the message
  Value value;                  // text, as a value
  std::vector<Target> targets;  // set, loop: one; with: several
  // print: its values; set: value; set_block and filter_block: a filter chain or null; loop: iterable, filter or null;
  // condition: a test a body; with: values; call_block: the call
  std::vector<ExprPtr> exprs;
  std::vector<Nodes> bodies;               // condition: a body a test, and else; loop: body, else
  std::vector<std::string> parameters;     // macro, call_block
  std::vector<ExprPtr> defaults;           // as many as parameters; null: none
  bool recursive = false, scoped = false;  // loop; block
  bool uses_caller = false, uses_kwargs = false, uses_varargs = false;  // macro, call_block: named in the body
};

Nodes parse_template(const std::string& source, const std::string& name);
bool has_filter(const std::string& name);
bool has_test(const std::string& name);

}  // namespace r1::jinja
