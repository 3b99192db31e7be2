// The tree of a parsed template.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/template_lexer.h"

namespace r1 {

enum class ExprKind {
  literal,
  name,
  list,
  dict,
  attribute,
  index,
  slice,
  call,
  filter,
  test,
  unary,
  binary,
  conditional
};

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct Expr {
  ExprKind kind;
  TemplatePlace place;
  std::string text;              // name, attribute, operator, filter or test
  nlohmann::ordered_json value;  // literal
  std::vector<ExprPtr> parts;  // operands; slice: object, start, stop, step (null when left out); dict: key, value, ...
  std::vector<std::pair<std::string, ExprPtr>> named;  // keyword arguments
  int height = 0;                                      // levels below: bounded, for trees are walked recursively
};

enum class NodeKind { text, print, set, set_block, condition, loop, break_loop, continue_loop, macro, generation };

struct Node {
  NodeKind kind;
  TemplatePlace place;
  std::string text;                // text; macro's name
  std::vector<std::string> names;  // loop variables, set targets, macro parameters
  std::vector<ExprPtr> exprs;      // print: 1; set: value; loop: iterable, filter or null; macro: defaults (null: none)
  std::vector<std::vector<std::unique_ptr<Node>>>
      bodies;  // condition: a body an expression, and else; loop: body, else
};
using Nodes = std::vector<std::unique_ptr<Node>>;

Nodes parse_template(const std::string& source, const std::string& name);

}  // namespace r1
