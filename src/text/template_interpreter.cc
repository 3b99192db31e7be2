#include "text/template_interpreter.h"

#include <fmt/format.h>

#include <deque>
#include <optional>

#include "base/error.h"
#include "text/template_print.h"

namespace r1::jinja {
namespace {

constexpr size_t kMostOutput = 32u << 20;
constexpr int64_t kIteration = 10;  // a loop's turn costs as much as ten other steps

// The state behind `loop`. It reads one item ahead only when asked what comes next.
class RunningLoop : public LoopState {
 public:
  using Recurse = std::function<Value(const Value& items, int64_t depth)>;

  RunningLoop(Runtime& runtime, const Value& items, std::function<bool(Value&)> next, int64_t length)
      : runtime_(runtime), next_(std::move(next)), length_(length) {
    depth = std::min(items.depth() + 1, kDeepestValue);
  }
  Recurse recurse_into;  // null: not a recursive loop, or one that has ended
  int64_t level = 0;

  bool advance(Value& out) {
    if (after_) {
      out = *after_;
      after_.reset();
    } else if (!next_(out)) {
      return false;
    }
    index0_++;
    before_ = current_;
    current_ = out;
    return true;
  }

  bool attribute(const std::string& name, Value& out) override {
    if (name == "index") return out = Value::integer(index0_ + 1), true;
    if (name == "index0") return out = Value::integer(index0_), true;
    if (name == "first") return out = Value::boolean(index0_ == 0), true;
    if (name == "last") return out = Value::boolean(!peek()), true;
    if (name == "length") return out = Value::integer(length()), true;
    if (name == "revindex") return out = Value::integer(length() - index0_), true;
    if (name == "revindex0") return out = Value::integer(length() - index0_ - 1), true;
    if (name == "depth") return out = Value::integer(level + 1), true;
    if (name == "depth0") return out = Value::integer(level), true;
    if (name == "previtem") return out = index0_ == 0 ? Value::undefined("there is no previous item") : before_, true;
    if (name == "nextitem") return out = peek() ? *after_ : Value::undefined("there is no next item"), true;
    if (name == "cycle") return out = bound("cycle", &RunningLoop::cycle), true;
    if (name == "changed") return out = bound("changed", &RunningLoop::changed), true;
    return false;
  }

  Value recurse(const Value& items) override {
    if (!recurse_into) throw Trouble("The loop must have the 'recursive' marker to be called recursively.");
    return recurse_into(items, level + 1);
  }

  std::string described() override { return fmt::format("<LoopContext {}/{}>", index0_ + 1, length()); }

 private:
  bool peek() {
    Value v;
    if (!after_ && next_(v)) after_ = v;
    return after_.has_value();
  }

  int64_t length() {
    if (length_ >= 0) return length_;
    std::deque<Value> rest;
    for (Value v; next_(v);) {
      runtime_.burn(sizeof(Value));
      rest.push_back(v);
    }
    length_ = static_cast<int64_t>(rest.size()) + index0_ + 1 + (after_ ? 1 : 0);
    next_ = [rest = std::move(rest)](Value& out) mutable {
      if (rest.empty()) return false;
      out = rest.front();
      rest.pop_front();
      return true;
    };
    return length_;
  }

  Value cycle(const Arguments& a) {
    if (a.args.empty()) throw Trouble("no items for cycling given");
    return a.args[static_cast<size_t>(index0_) % a.args.size()];
  }

  Value changed(const Arguments& a) {
    Value now = Value::tuple(a.args);
    const bool is_changed = !last_ || !equal(runtime_, *last_, now);
    if (is_changed) last_ = std::move(now);
    return Value::boolean(is_changed);
  }

  // The method shares the loop with whoever holds it.
  Value bound(const char* name, Value (RunningLoop::*method)(const Arguments&)) {
    return make_function(name, [self = std::static_pointer_cast<RunningLoop>(weak.lock()), method](
                                   Runtime&, const Arguments& a) { return ((*self).*method)(a); });
  }

 public:
  std::weak_ptr<RunningLoop> weak;  // itself

 private:
  Runtime& runtime_;
  std::function<bool(Value&)> next_;
  int64_t length_;  // -1: not known yet
  int64_t index0_ = -1;
  Value before_, current_;
  std::optional<Value> after_, last_;
};

class Interpreter : Evaluator {
 public:
  Interpreter(const std::string& name, Runtime& runtime, std::map<std::string, Value> variables)
      : Evaluator(name, runtime) {
    for (auto& [key, value] : variables) root_.variables.emplace(key, std::move(value));
    root_.captured = true;
  }

  Text run(const Nodes& nodes) {
    Text out;
    try {
      execute(nodes, root_, out);
    } catch (const Refusal& e) {
      fail("{}", e.what());
    } catch (const Trouble& e) {
      template_error(name_, place_, e.what());
    }
    return out;
  }

 private:
  enum class Flow { next, broken, continued };

  // A scope inside another. What a macro remembers lives on until the rendering ends.
  struct Scope {
    Scope(Interpreter& interpreter, Frame& parent) : at(interpreter), frame(std::make_unique<Frame>()) {
      frame->parent = &parent;
    }
    ~Scope() {
      if (frame->captured) at.kept_.push_back(std::move(frame));
    }
    Interpreter& at;
    std::unique_ptr<Frame> frame;
  };

  void emit(Text& out, const Text& text) {
    if (out.bytes().size() + text.bytes().size() > kMostOutput) throw Trouble("the output grew beyond 32 MB");
    runtime_.burn(text.weight() / 2);
    out.append(text);
  }

  Flow execute(const Nodes& nodes, Frame& frame, Text& out) {
    for (const auto& node : nodes) {
      step(node->place);
      Nested nested(*this);
      const Flow flow = execute_one(*node, frame, out);
      if (flow != Flow::next) return flow;
    }
    return Flow::next;
  }

  Flow execute_one(const Node& n, Frame& frame, Text& out) {
    switch (n.kind) {
      case NodeKind::text:
        if (out.bytes().size() + n.text.size() > kMostOutput) throw Trouble("the output grew beyond 32 MB");
        out.append(n.text);
        break;
      case NodeKind::print:
        for (const auto& e : n.exprs) print(*e, frame, out);
        break;
      case NodeKind::set:
        assign(n.targets[0], evaluate(*n.exprs[0], frame), frame);
        break;
      case NodeKind::set_block:
        return set_block(n, frame);
      case NodeKind::condition:
        return condition(n, frame, out);
      case NodeKind::loop:
        return start_loop(n, frame, out);
      case NodeKind::break_loop:
        return Flow::broken;
      case NodeKind::continue_loop:
        return Flow::continued;
      case NodeKind::macro:
        frame.variables.insert_or_assign(n.text, make_macro(n, n.text, frame));
        break;
      case NodeKind::call_block:
        call_block(n, frame, out);
        break;
      case NodeKind::filter_block:
        return filter_block(n, frame, out);
      case NodeKind::with:
        return with(n, frame, out);
      case NodeKind::generation:
        generation(n, frame, out);
        break;
      case NodeKind::block: {
        Scope scope(*this, n.scoped ? frame : root_);
        execute(n.bodies[0], *scope.frame, out);
        break;
      }
      case NodeKind::unsupported:
        throw Trouble(n.text);
    }
    return Flow::next;
  }

  void print(const Expr& e, Frame& frame, Text& out) {
    const Value v = evaluate(e, frame);
    place_ = e.place;
    emit(out, print_text(runtime_, v));
  }

  Flow condition(const Node& n, Frame& frame, Text& out) {
    for (size_t i = 0; i < n.exprs.size(); i++)
      if (truth(evaluate(*n.exprs[i], frame))) return execute(n.bodies[i], frame, out);
    return n.bodies.size() > n.exprs.size() ? execute(n.bodies.back(), frame, out) : Flow::next;
  }

  void assign(const Target& target, const Value& value, Frame& frame) {
    if (target.is_tuple) return unpack(target, value, frame);
    if (target.attribute.empty()) {
      frame.variables.insert_or_assign(target.name, value);
      return;
    }
    const Value* object = lookup(frame, target.name);
    if (object == nullptr || !object->is(Kind::space))
      throw Trouble(fmt::format("cannot assign attribute on non-namespace object: '{}' is no namespace", target.name));
    if (target.attribute.starts_with("_"))
      throw Trouble(fmt::format("a namespace cannot store '{}': names beginning with an underscore are refused",
                                target.attribute));
    runtime_.burn(32);
    object->space().set(target.attribute, value);
  }

  void unpack(const Target& target, const Value& value, Frame& frame) {
    if (!is_iterable(value)) throw Trouble(fmt::format("cannot unpack non-iterable {} object", type_name(value)));
    const auto next = iterate(runtime_, value);
    std::vector<Value> items;
    for (Value v; items.size() <= target.parts.size() && next(v);) items.push_back(v);
    if (items.size() > target.parts.size())
      throw Trouble(fmt::format("too many values to unpack (expected {}): the numbers of names and values differ",
                                target.parts.size()));
    if (items.size() < target.parts.size())
      throw Trouble(
          fmt::format("not enough values to unpack (expected {}, got {}): the numbers of names and values differ",
                      target.parts.size(), items.size()));
    for (size_t i = 0; i < items.size(); i++) assign(target.parts[i], items[i], frame);
  }

  Flow set_block(const Node& n, Frame& frame) {
    Text text;
    Flow flow = Flow::next;
    {
      Scope scope(*this, frame);
      flow = execute(n.bodies[0], *scope.frame, text);
    }
    if (flow != Flow::next) return flow;
    Value value = Value::text(std::move(text));
    if (n.exprs[0]) value = filtered(*n.exprs[0], value, frame);
    assign(n.targets[0], value, frame);
    return Flow::next;
  }

  Flow filter_block(const Node& n, Frame& frame, Text& out) {
    Text text;
    Scope scope(*this, frame);
    const Flow flow = execute(n.bodies[0], *scope.frame, text);
    if (flow != Flow::next) return flow;
    emit(out, print_text(runtime_, filtered(*n.exprs[0], Value::text(std::move(text)), *scope.frame)));
    return Flow::next;
  }

  Flow with(const Node& n, Frame& frame, Text& out) {
    Scope scope(*this, frame);
    std::vector<Value> values;  // all seen from outside
    for (const auto& e : n.exprs) values.push_back(evaluate(*e, frame));
    for (size_t i = 0; i < values.size(); i++) assign(n.targets[i], values[i], *scope.frame);
    return execute(n.bodies[0], *scope.frame, out);
  }

  void generation(const Node& n, Frame& frame, Text& out) {
    Scope scope(*this, frame);
    Text text;
    execute(n.bodies[0], *scope.frame, text);
    text.add_origin(kGenerated, 0, text.bytes().size());
    emit(out, text);
  }

  // ---- loops

  Flow start_loop(const Node& n, Frame& frame, Text& out) {
    const Value items = evaluate(*n.exprs[0], frame);
    place_ = n.exprs[0]->place;
    if (!is_iterable(items) && !items.is(Kind::loop))
      throw Trouble(fmt::format("for: '{}' object is not iterable: the value cannot be iterated", type_name(items)));
    return run_loop(n, items, 0, frame, out);
  }

  // The items that pass the loop's filter, which sees the loop's names and the scopes outside.
  std::function<bool(Value&)> chosen_items(const Node& n, const Value& items, Frame& frame) {
    auto next = iterate(runtime_, items);
    if (!n.exprs[1]) return next;
    return [this, &n, &frame, next = std::move(next)](Value& out) {
      while (next(out)) {
        step(n.place);
        Scope scope(*this, frame);
        assign(n.targets[0], out, *scope.frame);
        if (truth(evaluate(*n.exprs[1], *scope.frame))) return true;
      }
      return false;
    };
  }

  Flow run_loop(const Node& n, const Value& items, int64_t level, Frame& frame, Text& out) {
    auto loop = std::make_shared<RunningLoop>(runtime_, items, chosen_items(n, items, frame),
                                              n.exprs[1] ? -1 : length_of(items));
    loop->weak = loop;
    loop->level = level;
    if (n.recursive)
      loop->recurse_into = [this, &n, &frame](const Value& inner, int64_t depth) {
        Nested nested(*this);
        if (!is_iterable(inner)) throw Trouble(fmt::format("'{}' object is not iterable", type_name(inner)));
        Text text;
        run_loop(n, inner, depth, frame, text);
        return Value::text(std::move(text));
      };
    const bool any = turns(n, *loop, Value::loop(loop), frame, out);
    loop->recurse_into = nullptr;
    if (any || n.bodies.size() < 2) return Flow::next;
    Scope scope(*this, frame);
    return execute(n.bodies[1], *scope.frame, out);
  }

  // Whether there was an item.
  bool turns(const Node& n, RunningLoop& loop, const Value& shown, Frame& frame, Text& out) {
    Scope scope(*this, frame);
    bool any = false;
    for (Value item; loop.advance(item);) {
      any = true;
      step(n.place, kIteration);
      scope.frame->variables.clear();
      assign(n.targets[0], item, *scope.frame);
      scope.frame->variables.insert_or_assign("loop", shown);
      if (execute(n.bodies[0], *scope.frame, out) == Flow::broken) break;
    }
    return any;
  }

  // ---- macros

  Value make_macro(const Node& n, const std::string& name, Frame& frame) {
    for (Frame* f = &frame; f != nullptr && !f->captured; f = f->parent) f->captured = true;
    runtime_.burn(512);
    auto macro = std::make_shared<Function>();
    macro->name = name;
    macro->type = "Macro";
    macro->call = [this, &n, &frame](Runtime&, const Arguments& a) { return call_macro(n, a, frame); };
    macro->attribute = [&n, name](const std::string& attribute) {
      if (attribute == "name") return name.empty() ? Value() : Value::text(name);
      if (attribute == "catch_kwargs") return Value::boolean(n.uses_kwargs);
      if (attribute == "catch_varargs") return Value::boolean(n.uses_varargs);
      if (attribute == "caller") return Value::boolean(n.uses_caller);
      if (attribute != "arguments") return Value::undefined("no such attribute");
      std::vector<Value> names;
      for (const std::string& p : n.parameters) names.push_back(Value::text(p));
      return Value::tuple(std::move(names));
    };
    return Value::object(Kind::function, std::move(macro));
  }

  Value call_macro(const Node& n, const Arguments& a, Frame& closure) {
    Nested nested(*this);
    step(n.place, kIteration);
    Scope scope(*this, closure);
    bind(n, a, *scope.frame);
    Text text;
    execute(n.bodies[0], *scope.frame, text);
    return Value::text(std::move(text));
  }

  void bind(const Node& n, const Arguments& a, Frame& frame) {
    std::vector<bool> used(a.named.size(), false);
    const auto take = [&](const std::string& name) -> const Value* {
      for (size_t i = 0; i < a.named.size(); i++)
        if (a.named[i].first == name && !used[i]) {
          used[i] = true;
          return &a.named[i].second;
        }
      return nullptr;
    };
    for (size_t i = 0; i < n.parameters.size(); i++) {
      const std::string& name = n.parameters[i];
      const Value* given = i < a.args.size() ? &a.args[i] : take(name);
      if (given != nullptr)
        frame.variables.insert_or_assign(name, *given);
      else if (n.defaults[i])
        frame.variables.insert_or_assign(name, evaluate(*n.defaults[i], frame));
      else
        frame.variables.insert_or_assign(name, Value::undefined(fmt::format("parameter '{}' was not provided", name)));
    }
    if (n.uses_caller && !frame.variables.contains("caller")) {
      const Value* caller = take("caller");
      frame.variables.insert_or_assign("caller", caller != nullptr ? *caller : Value::undefined("No caller defined"));
    }
    bind_rest(n, a, used, frame);
  }

  void bind_rest(const Node& n, const Arguments& a, const std::vector<bool>& used, Frame& frame) {
    const std::string shown = n.kind == NodeKind::call_block ? "None" : fmt::format("'{}'", n.text);
    DictMaker rest(runtime_);
    for (size_t i = 0; i < a.named.size(); i++) {
      if (used[i]) continue;
      if (!n.uses_kwargs)
        throw Trouble(fmt::format("macro {} takes no keyword argument '{}': it has no argument '{}'", shown,
                                  a.named[i].first, a.named[i].first));
      rest.set(Value::text(a.named[i].first), a.named[i].second);
    }
    if (n.uses_kwargs) frame.variables.insert_or_assign("kwargs", rest.finish());
    if (n.uses_varargs) {
      const size_t taken = std::min(n.parameters.size(), a.args.size());
      frame.variables.insert_or_assign(
          "varargs", Value::tuple({a.args.begin() + static_cast<std::ptrdiff_t>(taken), a.args.end()}));
    } else if (a.args.size() > n.parameters.size()) {
      throw Trouble(fmt::format("macro {} takes not more than {} argument(s): it takes {} arguments, got {}", shown,
                                n.parameters.size(), n.parameters.size(), a.args.size()));
    }
  }

  void call_block(const Node& n, Frame& frame, Text& out) {
    const Expr& call = *n.exprs[0];
    const Value callee = evaluate(*call.parts[0], frame);
    Arguments given = arguments(call, frame);
    given.named.emplace_back("caller", make_macro(n, "", frame));
    place_ = call.place;
    emit(out, print_text(runtime_, call_value(runtime_, callee, given)));
  }

  Frame root_;
  std::vector<std::unique_ptr<Frame>> kept_;
};

}  // namespace

Text run_template(const std::string& name, const Nodes& nodes, Runtime& runtime,
                  std::map<std::string, Value> variables) {
  return Interpreter(name, runtime, std::move(variables)).run(nodes);
}

}  // namespace r1::jinja
