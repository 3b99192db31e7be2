// The parser of statements.
#include <fmt/format.h>

#include "text/template_parser.h"

namespace r1::jinja {
namespace {

class Parser : ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Nodes parse() {
    Nodes out = nodes({});
    if (peek().kind != Kind_::end) error("unexpected end tag");
    refuse_unknown(0);
    return out;
  }

 private:
  using NodePtr = std::unique_ptr<Node>;

  void expect_block_end() {
    if (peek().kind != Kind_::block_end) error(fmt::format("expected the end of the tag, found '{}'", peek().text));
    take();
  }

  // Statements up to a tag whose name is in `ends`; that tag is left for the caller.
  Nodes nodes(const std::vector<std::string>& ends) {
    Nested nested(*this);
    Nodes out;
    while (peek().kind != Kind_::end) {
      if (peek().kind == Kind_::block_begin) {
        for (const std::string& end : ends)
          if (peek(1).kind == Kind_::name && peek(1).text == end) return out;
        out.push_back(statement());
      } else if (peek().kind == Kind_::print_begin) {
        auto node = make(NodeKind::print);
        take();
        node->exprs.push_back(tuple());
        if (peek().kind != Kind_::print_end)
          error(fmt::format("expected the end of the expression, found '{}'", peek().text));
        take();
        out.push_back(std::move(node));
      } else {
        auto node = make(NodeKind::text);
        node->text = take().text;
        out.push_back(std::move(node));
      }
    }
    if (!ends.empty()) error(fmt::format("expected {}", ends.back()));
    return out;
  }

  NodePtr make(NodeKind kind) {
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->place = peek().place;
    return node;
  }

  // The end of this tag, statements, and the tag `end`.
  Nodes body(const std::string& end) {
    accept_op(":");
    expect_block_end();
    Nodes out = nodes({end});
    take();
    take();
    return out;
  }
  Nodes whole_body(const std::string& end) {
    Nodes out = body(end);
    expect_block_end();
    return out;
  }

  NodePtr statement() {
    auto node = make(NodeKind::text);
    take();
    if (peek().kind != Kind_::name) error("a tag needs a name");
    node->place = peek().place;
    const std::string word = take().text;
    const size_t unknown = unknown_.size();
    if (word == "if") {
      read_condition(*node);
      unknown_.resize(unknown);
      return node;
    }
    const int loops = loops_;
    if (!read(word, *node)) {
      at_--;
      error(fmt::format("unknown tag '{}'", word));
    }
    loops_ = loops;
    if (!node->bodies.empty()) refuse_unknown(unknown);
    return node;
  }

  bool read(const std::string& word, Node& node) {
    if (word == "for") return read_loop(node), true;
    if (word == "set") return read_set(node), true;
    if (word == "macro") return read_macro(node), true;
    if (word == "call") return read_call(node), true;
    if (word == "with") return read_with(node), true;
    if (word == "print") return read_print(node), true;
    if (word == "block") return read_block(node), true;
    if (word == "filter") {
      node.kind = NodeKind::filter_block;
      node.exprs.push_back(filter_chain(nullptr, true));
      return node.bodies.push_back(whole_body("endfilter")), true;
    }
    if (word == "generation") {
      node.kind = NodeKind::generation;
      loops_ = 0;
      return node.bodies.push_back(whole_body("endgeneration")), true;
    }
    if (word == "break" || word == "continue") {
      if (loops_ == 0) error(fmt::format("'{}' outside loop", word));
      node.kind = word == "break" ? NodeKind::break_loop : NodeKind::continue_loop;
      return expect_block_end(), true;
    }
    if (word == "autoescape") return read_autoescape(node), true;
    if (word == "include" || word == "import" || word == "extends" || word == "from")
      return read_other(word, node), true;
    return false;
  }

  void read_condition(Node& node) {
    node.kind = NodeKind::condition;
    while (true) {
      node.exprs.push_back(tuple(false));
      accept_op(":");
      expect_block_end();
      node.bodies.push_back(nodes({"elif", "else", "endif"}));
      take();
      const std::string word = take().text;
      if (word == "elif") continue;
      if (word == "else") node.bodies.push_back(body("endif"));
      return expect_block_end();
    }
  }

  Target target(bool with_namespace, const char* end) {
    Target first = one_target(with_namespace);
    if (!is_op(",")) return first;
    Target out;
    out.is_tuple = true;
    out.parts.push_back(std::move(first));
    while (accept_op(",")) {
      if (is_name(end) || is_op(end) || is_op(")") || peek().kind == Kind_::block_end) break;
      out.parts.push_back(one_target(with_namespace));
    }
    return out;
  }
  Target one_target(bool with_namespace) {
    Nested nested(*this);
    if (accept_op("(")) {
      Target out = target(with_namespace, ")");
      expect_op(")");
      return out;
    }
    Target out;
    out.name = expect_identifier();
    for (const char* reserved : {"true", "false", "none", "True", "False", "None"})
      if (out.name == reserved) error(fmt::format("cannot assign to '{}'", out.name));
    if (with_namespace && accept_op(".")) out.attribute = expect_identifier();
    return out;
  }

  void read_loop(Node& node) {
    node.kind = NodeKind::loop;
    node.targets.push_back(target(false, "in"));
    if (!accept_name("in")) error("expected 'in'");
    node.exprs.push_back(tuple(false, "recursive"));
    node.exprs.push_back(accept_name("if") ? expression() : nullptr);
    node.recursive = accept_name("recursive");
    accept_op(":");
    expect_block_end();
    const int outer = loops_++;
    node.bodies.push_back(nodes({"else", "endfor"}));
    loops_ = outer;
    take();
    if (take().text == "else") node.bodies.push_back(body("endfor"));
    expect_block_end();
  }

  void read_set(Node& node) {
    node.kind = NodeKind::set;
    node.targets.push_back(target(true, "="));
    if (accept_op("=")) {
      node.exprs.push_back(tuple());
      return expect_block_end();
    }
    node.kind = NodeKind::set_block;
    node.exprs.push_back(is_op("|") ? filter_chain(nullptr, false) : nullptr);
    node.bodies.push_back(whole_body("endset"));
  }

  void read_signature(Node& node) {
    expect_op("(");
    while (!is_op(")")) {
      node.parameters.push_back(expect_identifier());
      const bool has_default = accept_op("=");
      if (!has_default && !node.defaults.empty() && node.defaults.back())
        error("non-default argument follows default argument");
      node.defaults.push_back(has_default ? expression() : nullptr);
      if (!accept_op(",")) break;
    }
    expect_op(")");
  }

  Nodes macro_body(Node& node, const std::string& end) {
    loops_ = 0;
    macros_.push_back(&node);
    Nodes out = whole_body(end);
    macros_.pop_back();
    return out;
  }

  void read_macro(Node& node) {
    node.kind = NodeKind::macro;
    node.text = expect_identifier();
    read_signature(node);
    node.bodies.push_back(macro_body(node, "endmacro"));
  }

  void read_call(Node& node) {
    node.kind = NodeKind::call_block;
    node.text = "caller";
    if (is_op("(")) read_signature(node);
    node.exprs.push_back(expression());
    if (node.exprs[0]->kind != ExprKind::call) error("expected call");
    node.bodies.push_back(macro_body(node, "endcall"));
  }

  void read_with(Node& node) {
    node.kind = NodeKind::with;
    while (peek().kind != Kind_::block_end && !is_op(":")) {
      if (!node.targets.empty()) expect_op(",");
      node.targets.push_back(target(false, "="));
      expect_op("=");
      node.exprs.push_back(expression());
    }
    node.bodies.push_back(whole_body("endwith"));
  }

  void read_print(Node& node) {
    node.kind = NodeKind::print;
    while (peek().kind != Kind_::block_end) {
      if (!node.exprs.empty()) expect_op(",");
      node.exprs.push_back(expression());
    }
    expect_block_end();
  }

  void read_block(Node& node) {
    node.kind = NodeKind::block;
    node.text = expect_identifier();
    for (const std::string& other : blocks_)
      if (other == node.text) error(fmt::format("block '{}' defined twice", node.text));
    blocks_.push_back(node.text);
    node.scoped = accept_name("scoped");
    if (accept_name("required")) error("required blocks are for inheritance, which is not supported");
    loops_ = 0;
    node.bodies.push_back(body("endblock"));
    accept_name(node.text.c_str());
    expect_block_end();
  }

  void read_autoescape(Node& node) {
    const ExprPtr value = expression();
    if (value->kind != ExprKind::literal || truth(value->value)) error("autoescape is not supported, except false");
    node.kind = NodeKind::with;
    node.bodies.push_back(whole_body("endautoescape"));
  }

  // Other templates: there are none, which is an error when it is reached.
  void read_other(const std::string& word, Node& node) {
    node.kind = NodeKind::unsupported;
    node.text = fmt::format("{}: a chat template cannot load other templates", word);
    while (peek().kind != Kind_::block_end && peek().kind != Kind_::end) take();
    expect_block_end();
  }

  int loops_ = 0;  // around the statement, within its macro
  std::vector<std::string> blocks_;
};

}  // namespace

Nodes parse_template(const std::string& source, const std::string& name) {
  Parser parser(source, name);
  Nodes out = parser.parse();
  return out;
}

}  // namespace r1::jinja
