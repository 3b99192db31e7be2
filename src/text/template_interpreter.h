// Runs a parsed template.
#pragma once

#include <map>
#include <string>

#include "text/template_ast.h"
#include "text/template_filters.h"

namespace r1::jinja {

// Throws r1::Error with the template's name and the place of what failed, or with raise_exception's message alone.
Text run_template(const std::string& name, const Nodes& nodes, Runtime& runtime,
                  std::map<std::string, Value> variables);

// Variables of one scope; what is not there is looked for outside.
struct Frame {
  Frame* parent = nullptr;
  std::map<std::string, Value, std::less<>> variables;
  bool captured = false;  // a macro remembers it
};

// Evaluates expressions (template_evaluate.cc). The part of the interpreter that runs statements builds on it.
class Evaluator {
 public:
  Evaluator(const std::string& name, Runtime& runtime) : name_(name), runtime_(runtime) {}
  Evaluator(const Evaluator&) = delete;

 protected:
  Value evaluate(const Expr& e, Frame& frame);
  Arguments arguments(const Expr& e, Frame& frame);  // of a call, filter or test
  // The filters of a block, applied to its text.
  Value filtered(const Expr& chain, const Value& input, Frame& frame);
  static const Value* lookup(const Frame& frame, const std::string& name);
  void step(TemplatePlace place, int64_t cost = 1);

  struct Nested {
    explicit Nested(Evaluator& evaluator);
    ~Nested() { at.depth_--; }
    Evaluator& at;
  };

  const std::string& name_;
  Runtime& runtime_;
  TemplatePlace place_;  // of what is being done

 private:
  Value evaluate_one(const Expr& e, Frame& frame);
  Value named(const Expr& e, Frame& frame);
  Value sequence(const Expr& e, Frame& frame);
  Value dict(const Expr& e, Frame& frame);
  Value slice(const Expr& e, Frame& frame);
  Value call(const Expr& e, Frame& frame);
  Value filter(const Expr& e, Frame& frame);
  Value concat(const Expr& e, Frame& frame);
  Value compare(const Expr& e, Frame& frame);
  bool compare_one(const std::string& op, const Value& a, const Value& b);
  const Value& paid(const Value& v);

  int64_t steps_ = 0;
  int depth_ = 0;
  const Value* input_ = nullptr;  // of a block's filters
};

}  // namespace r1::jinja
