#include "text/chat_template.h"

#include "base/error.h"
#include "text/template_ast.h"
#include "text/template_values.h"

namespace r1 {
namespace {

using Value = TemplateValue;
using Json = TemplateJson;
constexpr int64_t kMostSteps = 4'000'000, kIteration = 10;  // a loop's turn costs as much as ten other steps
constexpr size_t kMostOutput = 64u << 20;
constexpr int kDeepestRun = 400;  // expressions, statements and macro calls inside each other
constexpr int64_t kFuel = 64 << 20;

class Interpreter {
 public:
  // `context` outlives it.
  Interpreter(const std::string& name, const Json& context) : name_(name) {
    fuel_.left = kFuel + static_cast<int64_t>(64 * template_weight(context));
    scopes_.push_back(template_globals(fuel_));
    for (const auto& [key, value] : context.items()) scopes_[0].insert_or_assign(key, Value::borrowed(value));
  }
  Interpreter(const Interpreter&) = delete;

  std::string run(const Nodes& nodes) {
    execute(nodes, output_);
    return std::move(output_);
  }

 private:
  enum class Flow { next, broken, continued };
  using Scope = std::map<std::string, Value>;

  [[noreturn]] void error(TemplatePlace place, const std::string& message) const {
    template_error(name_, place, message);
  }
  void step(TemplatePlace place, int64_t cost = 1) {
    if ((steps_ += cost) > kMostSteps) error(place, fmt::format("the template ran for more than {} steps", kMostSteps));
  }
  void emit(std::string& out, const std::string& text, TemplatePlace place) const {
    if (out.size() + text.size() > kMostOutput) error(place, "the output grew beyond 64 MB");
    out += text;
  }

  struct Nested {
    Nested(Interpreter& interpreter, TemplatePlace place) : at(interpreter) {
      if (++at.depth_ > kDeepestRun) at.error(place, "the template runs too deep");
    }
    ~Nested() { at.depth_--; }
    Interpreter& at;
  };

  const Value* lookup(const std::string& name) const {
    for (size_t i = scopes_.size(); i-- > 0;) {
      const auto it = scopes_[i].find(name);
      if (it != scopes_[i].end()) return &it->second;
    }
    return nullptr;
  }

  Flow execute(const Nodes& nodes, std::string& out) {
    for (const auto& node : nodes) {
      step(node->place);
      Nested nested(*this, node->place);
      const Flow flow = execute_one(*node, out);
      if (flow != Flow::next) return flow;
    }
    return Flow::next;
  }

  Flow execute_one(const Node& n, std::string& out) {
    switch (n.kind) {
      case NodeKind::text:
        emit(out, n.text, n.place);
        break;
      case NodeKind::print:
        emit(out, printed(evaluate(*n.exprs[0]), n.place), n.place);
        break;
      case NodeKind::set:
        assign(n, evaluate(*n.exprs[0]));
        break;
      case NodeKind::set_block: {
        std::string text;
        execute(n.bodies[0], text);
        assign(n, Value(Json(text)));
        break;
      }
      case NodeKind::condition:
        for (size_t i = 0; i < n.exprs.size(); i++)
          if (truth(evaluate(*n.exprs[i]))) return execute(n.bodies[i], out);
        if (n.bodies.size() > n.exprs.size()) return execute(n.bodies.back(), out);
        break;
      case NodeKind::loop:
        return run_loop(n, out);
      case NodeKind::break_loop:
        return Flow::broken;
      case NodeKind::continue_loop:
        return Flow::continued;
      case NodeKind::macro:
        scopes_.back().insert_or_assign(n.text, make_macro(n));
        break;
      case NodeKind::generation:
        return execute(n.bodies[0], out);
    }
    return Flow::next;
  }

  void assign(const Node& n, const Value& value) {
    if (n.names.size() == 1) return assign_one(n, n.names[0], value);
    if (!value.is_plain() || !value.json().is_array() || value.json().size() != n.names.size())
      error(n.place, "set: the numbers of names and values differ");
    for (size_t i = 0; i < n.names.size(); i++) assign_one(n, n.names[i], value.part(value.json()[i]));
  }
  void assign_one(const Node& n, const std::string& target, const Value& value) {
    const size_t dot = target.find('.');
    if (dot == std::string::npos) {
      scopes_.back()[target] = value;
      return;
    }
    const Value* object = lookup(target.substr(0, dot));
    if (object == nullptr || !object->space)
      error(n.place, fmt::format("'{}' is no namespace: only namespace attributes can be set", target.substr(0, dot)));
    (*object->space)[target.substr(dot + 1)] = value;
  }

  // A list to walk over.
  Value items_of(const Value& v, TemplatePlace place) {
    if (!v.defined) return Value(Json::array());
    return guarded(place, [&] {
      Value out;
      try {
        apply_filter("list", {v, {}, {}, fuel_}, out);
      } catch (const std::exception& e) {
        throw std::runtime_error(std::string("for: the value ") + e.what());
      }
      return out;
    });
  }

  void bind(const Node& n, const Value& item) {
    if (n.names.size() == 1) {
      scopes_.back().insert_or_assign(n.names[0], item);
      return;
    }
    if (!item.json().is_array() || item.json().size() != n.names.size())
      error(n.place, "for: the numbers of names and values differ");
    for (size_t i = 0; i < n.names.size(); i++) scopes_.back().insert_or_assign(n.names[i], item.part(item.json()[i]));
  }

  static Value loop_variable(const std::vector<Value>& items, size_t i) {
    Value loop;
    loop.defined = true;
    loop.space = std::make_shared<Scope>();
    const size_t count = items.size();
    Scope& s = *loop.space;
    s.emplace("index", Json(i + 1));
    s.emplace("index0", Json(i));
    s.emplace("revindex", Json(count - i));
    s.emplace("revindex0", Json(count - i - 1));
    s.emplace("first", Json(i == 0));
    s.emplace("last", Json(i + 1 == count));
    s.emplace("length", Json(count));
    if (i > 0) s.emplace("previtem", items[i - 1]);
    if (i + 1 < count) s.emplace("nextitem", items[i + 1]);
    return loop;
  }

  Flow run_loop(const Node& n, std::string& out) {
    const Value list = items_of(evaluate(*n.exprs[0]), n.place);
    std::vector<Value> items;
    scopes_.emplace_back();
    for (const Json& item : list.json()) {
      Value value = list.part(item);
      if (n.exprs[1]) {
        step(n.place);
        bind(n, value);
        if (!truth(evaluate(*n.exprs[1]))) continue;
      }
      items.push_back(std::move(value));
    }
    for (size_t i = 0; i < items.size(); i++) {
      step(n.place, kIteration);
      scopes_.back().clear();
      bind(n, items[i]);
      scopes_.back().insert_or_assign("loop", loop_variable(items, i));
      if (execute(n.bodies[0], out) == Flow::broken) break;
    }
    scopes_.pop_back();
    if (items.empty() && n.bodies.size() > 1) return execute(n.bodies[1], out);
    return Flow::next;
  }

  Value make_macro(const Node& n) {
    Value macro;
    macro.defined = true;
    macro.call = std::make_shared<Value::Callable>([this, &n](const Value::Arguments& args, const Value::Named& named) {
      Nested nested(*this, n.place);
      if (args.size() > n.names.size())
        error(n.place, fmt::format("macro {} takes {} arguments, got {}", n.text, n.names.size(), args.size()));
      Scope scope;
      for (size_t i = 0; i < n.names.size(); i++) {
        Value value = Value::undefined(fmt::format("parameter '{}' was not provided", n.names[i]));
        if (i < args.size())
          value = args[i];
        else if (n.exprs[i])
          value = evaluate(*n.exprs[i]);
        for (const auto& [key, v] : named)
          if (key == n.names[i]) value = v;
        scope[n.names[i]] = value;
      }
      for (const auto& [key, v] : named)
        if (!scope.contains(key)) error(n.place, fmt::format("macro {} has no argument '{}'", n.text, key));
      std::vector<Scope> outer = std::move(scopes_);
      scopes_.assign(1, outer[0]);
      scopes_.push_back(std::move(scope));
      std::string text;
      execute(n.bodies[0], text);
      scopes_ = std::move(outer);
      return Value(Json(text));
    });
    return macro;
  }

  // ---- expressions

  Value evaluate(const Expr& e) {
    step(e.place);
    Nested nested(*this, e.place);
    switch (e.kind) {
      case ExprKind::literal:
        return Value::borrowed(e.value);
      case ExprKind::name: {
        const Value* v = lookup(e.text);
        return v != nullptr ? *v : Value::undefined(fmt::format("'{}' is undefined", e.text));
      }
      case ExprKind::list: {
        Json out = Json::array();
        for (const auto& part : e.parts) out.push_back(plain(evaluate(*part), part->place));
        return made(std::move(out), e.place);
      }
      case ExprKind::dict: {
        Json out = Json::object();
        for (size_t i = 0; i + 1 < e.parts.size(); i += 2)
          out[python_text(plain(evaluate(*e.parts[i]), e.place))] = plain(evaluate(*e.parts[i + 1]), e.place);
        return made(std::move(out), e.place);
      }
      case ExprKind::attribute:
        return attribute(evaluate(*e.parts[0]), e.text, e.place);
      case ExprKind::index:
        return index(evaluate(*e.parts[0]), evaluate(*e.parts[1]), e.place);
      case ExprKind::slice:
        return slice(e);
      case ExprKind::call:
        return call(e);
      case ExprKind::filter:
        return filter(e);
      case ExprKind::test:
        return test(e);
      case ExprKind::unary:
        return unary(e);
      case ExprKind::binary:
        return binary(e);
      case ExprKind::conditional:
        if (truth(evaluate(*e.parts[0]))) return evaluate(*e.parts[1]);
        return e.parts[2] ? evaluate(*e.parts[2]) : Value::undefined("the inline if has no else");
    }
    return Value();
  }

  const Json& plain(const Value& v, TemplatePlace place) const {
    if (!v.defined) error(place, v.why);
    if (!v.is_plain()) error(place, "a namespace or macro cannot be used as a value here");
    return v.json();
  }
  // What a template builds is paid for by its size and bounded in depth.
  Value made(Json value, TemplatePlace place) {
    return guarded(place, [&] {
      fuel_.burn(template_weight(value));
      return Value(std::move(value));
    });
  }
  std::string printed(const Value& v, TemplatePlace place) {
    if (v.is_plain() && v.json().is_structured())
      guarded(place, [&] {
        fuel_.burn(template_weight(v.json()));
        return Value();
      });
    return print_text(v);
  }

  Value attribute(const Value& object, const std::string& name, TemplatePlace place) const {
    if (!object.defined) error(place, fmt::format("{}, so it has no attribute '{}'", object.why, name));
    if (object.space) {
      const auto it = object.space->find(name);
      return it == object.space->end() ? no_attribute("namespace", name) : it->second;
    }
    if (name.starts_with("__")) error(place, fmt::format("attribute '{}' is not accessible", name));
    if (object.json().is_object())
      if (const auto it = object.json().find(name); it != object.json().end()) return object.part(*it);
    return no_attribute(object.json().type_name(), name);
  }
  static Value no_attribute(const char* type, const std::string& name) {
    return Value::undefined(fmt::format("the {} has no attribute '{}'", type, name));
  }

  Value index(const Value& object, const Value& key, TemplatePlace place) {
    if (key.is_string()) return attribute(object, key.json().get<std::string>(), place);
    if (!object.defined) error(place, object.why);
    if (!key.is_plain() || !key.json().is_number_integer()) return Value::undefined("there is no such item");
    const int64_t i = key.json().get<int64_t>();
    if (object.json().is_string()) return character(object, i, place);
    const int64_t size = object.json().is_array() ? static_cast<int64_t>(object.json().size()) : 0;
    if (i >= size || i < -size)
      return Value::undefined(
          fmt::format("the {} object has no element {}", object.json().is_array() ? "list" : "", i));
    return object.part(object.json()[static_cast<size_t>(i < 0 ? i + size : i)]);
  }
  Value character(const Value& text, int64_t i, TemplatePlace place) {
    return guarded(place, [&] {
      Json one = i == INT64_MAX ? Json("")
                                : python_slice(text.json(), {Json(i), i == -1 ? Json() : Json(i + 1), Json()}, fuel_);
      return one.get_ref<const std::string&>().empty()
                 ? Value::undefined(fmt::format("the string has no element {}", i))
                 : Value(std::move(one));
    });
  }

  Value slice(const Expr& e) {
    Json bounds[3];
    for (size_t i = 0; i < 3; i++)
      if (e.parts[i + 1]) {
        bounds[i] = plain(evaluate(*e.parts[i + 1]), e.place);
        if (!bounds[i].is_number_integer() && !bounds[i].is_null())
          error(e.place, "slice bounds must be whole numbers");
      }
    const Value object = evaluate(*e.parts[0]);
    return guarded(e.place, [&] {
      return made(python_slice(plain(object, e.place), {bounds[0], bounds[1], bounds[2]}, fuel_), e.place);
    });
  }

  struct Called {
    Value::Arguments args;
    Value::Named named;
  };
  Called arguments(const Expr& e) {
    Called out;
    for (size_t i = 1; i < e.parts.size(); i++) out.args.push_back(evaluate(*e.parts[i]));
    for (const auto& [key, value] : e.named) out.named.push_back({key, evaluate(*value)});
    return out;
  }

  // Turns what built-ins throw into errors with a place.
  template <typename Body>
  Value guarded(TemplatePlace place, Body&& body) const {
    try {
      return body();
    } catch (const Error&) {
      throw;
    } catch (const std::out_of_range&) {
      error(place, "an argument is missing");
    } catch (const std::exception& e) {
      error(place, e.what());
    }
  }

  // As guarded, for what may have built something.
  template <typename Body>
  Value paid(TemplatePlace place, Body&& body) {
    return guarded(place, [&] {
      Value out = body();
      if (out.is_plain())
        fuel_.burn(out.is_string() ? out.json().get_ref<const std::string&>().size() : template_weight(out.json()));
      return out;
    });
  }

  Value call(const Expr& e) {
    const Expr& target = *e.parts[0];
    const Called with = arguments(e);
    if (target.kind == ExprKind::attribute) {
      const Value self = evaluate(*target.parts[0]);
      if (self.is_plain() && is_method(target.text, self.json()) &&
          !(self.json().is_object() && self.json().contains(target.text)))
        return paid(e.place, [&] {
          Value out;
          if (!apply_method(target.text, {self, with.args, with.named, fuel_}, out))
            throw std::runtime_error("method " + target.text + " is not supported");
          return out;
        });
      const Value member = attribute(self, target.text, e.place);
      if (!member.call) error(e.place, fmt::format("there is no method '{}' here", target.text));
      return paid(e.place, [&] { return (*member.call)(with.args, with.named); });
    }
    const Value f = evaluate(target);
    if (!f.call) error(e.place, f.defined ? fmt::format("'{}' cannot be called", target.text) : f.why);
    return paid(e.place, [&] { return (*f.call)(with.args, with.named); });
  }

  Value filter(const Expr& e) {
    const Value value = evaluate(*e.parts[0]);
    const Called with = arguments(e);
    return paid(e.place, [&] {
      Value out;
      if (!apply_filter(e.text, {value, with.args, with.named, fuel_}, out))
        throw std::runtime_error("unknown filter '" + e.text + "'");
      return out;
    });
  }

  Value test(const Expr& e) {
    const Value value = evaluate(*e.parts[0]);
    const Called with = arguments(e);
    return guarded(e.place, [&] {
      bool out = false;
      if (!apply_test(e.text, {value, with.args, with.named, fuel_}, out))
        throw std::runtime_error("unknown test '" + e.text + "'");
      return Value(Json(out));
    });
  }

  Value unary(const Expr& e) {
    const Value v = evaluate(*e.parts[0]);
    if (e.text == "not") return Value(Json(!truth(v)));
    const Json& j = plain(v, e.place);
    if (!j.is_number()) error(e.place, "a sign needs a number");
    if (e.text == "+") return v;
    if (!j.is_number_integer()) return Value(Json(-j.get<double>()));
    return guarded(e.place, [&] { return Value(template_arithmetic("-", Json(0), j, fuel_)); });
  }

  Value binary(const Expr& e) {
    if (e.text == "and" || e.text == "or") {
      Value left = evaluate(*e.parts[0]);
      return truth(left) == (e.text == "and") ? evaluate(*e.parts[1]) : left;
    }
    const Value a = evaluate(*e.parts[0]), b = evaluate(*e.parts[1]);
    return guarded(e.place, [&] {
      if (e.text == "~") return made(Json(printed(a, e.place) + printed(b, e.place)), e.place);
      if (e.text == "==" || e.text == "!=") return Value(Json(template_equal(a, b, fuel_) == (e.text == "==")));
      if (e.text != "in" && e.text != "not in")
        return Value(template_arithmetic(e.text, plain(a, e.place), plain(b, e.place), fuel_));
      const Json& where = plain(b, e.place);
      const bool found = a.is_plain() && template_contains(where, a.json(), fuel_);
      return Value(Json(found == (e.text == "in")));
    });
  }

  const std::string& name_;
  std::vector<Scope> scopes_;
  std::string output_;
  TemplateFuel fuel_{0};
  int64_t steps_ = 0;
  int depth_ = 0;
};

class ParsedTemplate : public ChatTemplate {
 public:
  ParsedTemplate(const std::string& source, const std::string& name)
      : name_(name), nodes_(parse_template(source, name)) {}
  std::string render(const Json& context) const override {
    if (!context.is_object()) fail("{}: the template's variables must be an object", name_);
    try {
      return Interpreter(name_, context).run(nodes_);
    } catch (const Error&) {
      throw;
    } catch (const std::exception& e) {
      fail("{}: {}", name_, e.what());
    }
  }

 private:
  std::string name_;
  Nodes nodes_;
};

}  // namespace

std::shared_ptr<const ChatTemplate> ChatTemplate::parse(const std::string& source, const std::string& name) {
  return std::make_shared<ParsedTemplate>(source, name);
}

}  // namespace r1
