// Expressions.
#include <fmt/format.h>

#include "text/template_interpreter.h"
#include "text/template_print.h"

namespace r1::jinja {
namespace {
constexpr int64_t kMostSteps = 4'000'000;
constexpr int kDeepestRun = 500;  // expressions, statements and macro calls inside each other
}  // namespace

void Evaluator::step(TemplatePlace place, int64_t cost) {
  place_ = place;
  if ((steps_ += cost) > kMostSteps) throw Trouble(fmt::format("the template ran for more than {} steps", kMostSteps));
}

Evaluator::Nested::Nested(Evaluator& evaluator) : at(evaluator) {
  if (at.depth_ >= kDeepestRun) throw Trouble("the template runs too deep");
  at.depth_++;
}

const Value* Evaluator::lookup(const Frame& frame, const std::string& name) {
  for (const Frame* f = &frame; f != nullptr; f = f->parent)
    if (const auto it = f->variables.find(name); it != f->variables.end()) return &it->second;
  return nullptr;
}

Value Evaluator::evaluate(const Expr& e, Frame& frame) {
  step(e.place);
  if (e.kind == ExprKind::literal) return e.value;
  if (e.kind == ExprKind::name) return named(e, frame);
  Nested nested(*this);
  return evaluate_one(e, frame);
}

Value Evaluator::evaluate_one(const Expr& e, Frame& frame) {
  const auto part = [&](size_t i) { return evaluate(*e.parts[i], frame); };
  const auto here = [&](auto&& v) {
    place_ = e.place;
    return std::forward<decltype(v)>(v);
  };
  switch (e.kind) {
    case ExprKind::list:
    case ExprKind::tuple:
      return sequence(e, frame);
    case ExprKind::dict:
      return dict(e, frame);
    case ExprKind::attribute:
      return get_attribute(runtime_, here(part(0)), e.text);
    case ExprKind::index: {
      const Value object = part(0);
      return get_item(runtime_, object, here(part(1)));
    }
    case ExprKind::slice:
      return slice(e, frame);
    case ExprKind::call:
      return call(e, frame);
    case ExprKind::filter:
      return filter(e, frame);
    case ExprKind::test: {
      const Value value = part(0);
      const Arguments given = arguments(e, frame);
      place_ = e.place;
      return Value::boolean(apply_test(runtime_, e.text, value, given));
    }
    case ExprKind::negate:
      return negated(here(part(0)));
    case ExprKind::plus: {
      Value v = here(part(0));
      need_defined(v);
      if (!v.is_number()) throw Trouble(fmt::format("bad operand type for unary +: '{}'", type_name(v)));
      return v.is(Kind::boolean) ? Value::integer(v.whole()) : v;
    }
    case ExprKind::invert:
      return Value::boolean(!truth(part(0)));
    case ExprKind::both:
    case ExprKind::either: {
      Value left = part(0);
      return truth(left) == (e.kind == ExprKind::both) ? part(1) : left;
    }
    case ExprKind::arithmetic: {
      const Value a = part(0), b = part(1);
      place_ = e.place;
      return arithmetic(runtime_, e.op, a, b);
    }
    case ExprKind::concat:
      return concat(e, frame);
    case ExprKind::compare:
      return compare(e, frame);
    case ExprKind::conditional:
      if (truth(part(0))) return part(1);
      if (e.parts[2]) return part(2);
      return Value::undefined("the inline if-expression evaluated to false and no else section was defined.");
    case ExprKind::literal:
    case ExprKind::name:
      break;
  }
  return {};
}

Value Evaluator::named(const Expr& e, Frame& frame) {
  if (const Value* v = lookup(frame, e.text)) return *v;
  if (e.text == "self") throw Trouble("'self' (the template's own blocks) is not supported");
  runtime_.burn(128);
  return Value::undefined(fmt::format("'{}' is undefined", e.text));
}

Value Evaluator::sequence(const Expr& e, Frame& frame) {
  std::vector<Value> items;
  runtime_.burn(96 + e.parts.size() * sizeof(Value));
  for (const auto& part : e.parts) items.push_back(evaluate(*part, frame));
  place_ = e.place;
  return e.kind == ExprKind::list ? Value::list(std::move(items)) : Value::tuple(std::move(items));
}

Value Evaluator::dict(const Expr& e, Frame& frame) {
  runtime_.burn(128);
  DictMaker out(runtime_);
  for (size_t i = 0; i + 1 < e.parts.size(); i += 2) {
    const Value key = evaluate(*e.parts[i], frame), value = evaluate(*e.parts[i + 1], frame);
    place_ = e.place;
    out.set(key, value);
  }
  return out.finish();
}

Value Evaluator::slice(const Expr& e, Frame& frame) {
  const Value object = evaluate(*e.parts[0], frame);
  Value bounds[3];
  for (size_t i = 0; i < 3; i++)
    if (e.parts[i + 1]) bounds[i] = evaluate(*e.parts[i + 1], frame);
  place_ = e.place;
  return take_slice(runtime_, object, bounds);
}

Arguments Evaluator::arguments(const Expr& e, Frame& frame) {
  Arguments out;
  for (size_t i = 1; i < e.parts.size(); i++) out.args.push_back(evaluate(*e.parts[i], frame));
  for (const auto& [key, value] : e.named) out.named.emplace_back(key, evaluate(*value, frame));
  if (e.more) {
    const std::vector<Value> more = listed(runtime_, evaluate(*e.more, frame));
    out.args.insert(out.args.end(), more.begin(), more.end());
  }
  if (e.more_named) {
    const Value more = evaluate(*e.more_named, frame);
    if (!more.is(Kind::dict))
      throw Trouble(fmt::format("argument after ** must be a mapping, not {}", type_name(more)));
    runtime_.burn(more.dict().items.size() * (64 + out.named.size()));
    for (const auto& [key, value] : more.dict().items) {
      if (!key.is_text()) throw Trouble("keywords must be strings");
      for (const auto& [other, v] : e.named)
        if (other == key.text().bytes())
          throw Trouble(fmt::format("got multiple values for keyword argument '{}'", other));
      out.named.emplace_back(key.text().bytes(), value);
    }
  }
  return out;
}

// What a filter or call made is paid for by its size.
const Value& Evaluator::paid(const Value& v) {
  runtime_.burn(v.is_text() ? 128 + v.text().weight() / 2 : 32);
  return v;
}

Value Evaluator::call(const Expr& e, Frame& frame) {
  const Value callee = evaluate(*e.parts[0], frame);
  const Arguments given = arguments(e, frame);
  place_ = e.place;
  const Expr& target = *e.parts[0];
  if (callee.is_undefined() && target.kind == ExprKind::attribute && !callee.missing().unsafe)
    throw Trouble(fmt::format("there is no method '{}': {}", target.text, callee.missing().why));
  return paid(call_value(runtime_, callee, given));
}

Value Evaluator::filter(const Expr& e, Frame& frame) {
  const Value value = e.parts[0] ? evaluate(*e.parts[0], frame) : *input_;
  const Arguments given = arguments(e, frame);
  place_ = e.place;
  return paid(apply_filter(runtime_, e.text, value, given));
}

Value Evaluator::filtered(const Expr& chain, const Value& input, Frame& frame) {
  const Value* before = std::exchange(input_, &input);
  Value out = evaluate(chain, frame);  // when this throws, the rendering is over
  input_ = before;
  return out;
}

Value Evaluator::concat(const Expr& e, Frame& frame) {
  Text out;
  for (const auto& part : e.parts) {
    const Text text = print_text(runtime_, evaluate(*part, frame));
    runtime_.burn(text.weight());
    out.append(text);
  }
  place_ = e.place;
  runtime_.burn(128);
  return Value::text(std::move(out));
}

bool Evaluator::compare_one(const std::string& op, const Value& a, const Value& b) {
  if (op == "==") return equal(runtime_, a, b);
  if (op == "!=") return !equal(runtime_, a, b);
  if (op == "in") return contains(runtime_, b, a);
  if (op == "not in") return !contains(runtime_, b, a);
  Arguments given;
  given.args.push_back(b);
  return apply_test(runtime_, op, a, given);
}

Value Evaluator::compare(const Expr& e, Frame& frame) {
  Value left = evaluate(*e.parts[0], frame);
  for (size_t i = 0; i < e.comparisons.size(); i++) {
    const Value right = evaluate(*e.parts[i + 1], frame);
    place_ = e.place;
    if (!compare_one(e.comparisons[i], left, right)) return Value::boolean(false);
    left = right;
  }
  return Value::boolean(true);
}

}  // namespace r1::jinja
