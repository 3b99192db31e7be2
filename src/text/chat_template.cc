#include "text/chat_template.h"

#include <cmath>
#include <cstdlib>
#include <ctime>

#include "base/error.h"
#include "text/template_ast.h"
#include "text/template_values.h"

namespace r1 {
namespace {

using Value = TemplateValue;
using Json = TemplateJson;
constexpr int64_t kMostSteps = 2'000'000;
constexpr size_t kMostOutput = 64u << 20;
constexpr int kDeepestCall = 60;

// What a template says by raise_exception: reported as it stands, without a place.
struct Refusal : Error {
  using Error::Error;
};

std::string formatted_time(const std::string& format) {
  const char* fixed = std::getenv("SOURCE_DATE_EPOCH");
  const std::time_t now =
      fixed != nullptr ? static_cast<std::time_t>(std::strtoll(fixed, nullptr, 10)) : std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char buffer[256];
  return std::string(buffer, std::strftime(buffer, sizeof buffer, format.c_str(), &parts));
}

class Interpreter {
 public:
  Interpreter(const std::string& name, const Json& context) : name_(name) {
    scopes_.emplace_back();
    for (const auto& [key, value] : context.items()) scopes_[0][key] = Value(value);
    add_globals();
  }

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
  void step(TemplatePlace place) {
    if (++steps_ > kMostSteps) error(place, fmt::format("the template ran for more than {} steps", kMostSteps));
  }
  void emit(std::string& out, const std::string& text, TemplatePlace place) const {
    if (out.size() + text.size() > kMostOutput) error(place, "the output grew beyond 64 MB");
    out += text;
  }

  static Value callable(Value::Callable f) {
    Value v;
    v.defined = true;
    v.call = std::make_shared<Value::Callable>(std::move(f));
    return v;
  }

  void add_globals() {
    Scope& g = scopes_[0];
    g["raise_exception"] = callable([](const Value::Arguments& a, const Value::Named&) -> Value {
      throw Refusal(a.empty() ? "" : print_text(a[0]));
    });
    g["strftime_now"] = callable([](const Value::Arguments& a, const Value::Named&) {
      return Value(Json(formatted_time(a.at(0).json.get<std::string>())));
    });
    g["range"] = callable([](const Value::Arguments& a, const Value::Named&) {
      const int64_t from = a.size() > 1 ? a[0].json.get<int64_t>() : 0,
                    to = a.at(a.size() > 1 ? 1 : 0).json.get<int64_t>(),
                    by = a.size() > 2 ? a[2].json.get<int64_t>() : 1;
      if (by == 0) throw std::runtime_error("range step cannot be zero");
      Json out = Json::array();
      for (int64_t i = from; by > 0 ? i < to : i > to; i += by) {
        if (out.size() >= 100000) throw std::runtime_error("range gives more than 100000 numbers");
        out.push_back(i);
      }
      return Value(out);
    });
    g["dict"] = callable([](const Value::Arguments&, const Value::Named& named) {
      Json out = Json::object();
      for (const auto& [key, value] : named) out[key] = value.json;
      return Value(out);
    });
    g["namespace"] = callable([](const Value::Arguments&, const Value::Named& named) {
      Value v;
      v.defined = true;
      v.space = std::make_shared<Scope>();
      for (const auto& [key, value] : named) (*v.space)[key] = value;
      return v;
    });
  }

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
        emit(out, print_text(evaluate(*n.exprs[0])), n.place);
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
        run_loop(n, out);
        break;
      case NodeKind::break_loop:
        return Flow::broken;
      case NodeKind::continue_loop:
        return Flow::continued;
      case NodeKind::macro:
        scopes_.back()[n.text] = make_macro(n);
        break;
      case NodeKind::generation:
        return execute(n.bodies[0], out);
    }
    return Flow::next;
  }

  void assign(const Node& n, const Value& value) {
    if (n.names.size() == 1) return assign_one(n, n.names[0], value);
    if (!value.is_plain() || !value.json.is_array() || value.json.size() != n.names.size())
      error(n.place, "set: the numbers of names and values differ");
    for (size_t i = 0; i < n.names.size(); i++) assign_one(n, n.names[i], value.json[i]);
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

  Json items_of(const Value& v, TemplatePlace place) const {
    if (!v.defined) return Json::array();
    Value out;
    try {
      apply_filter("list", v, {}, {}, out);
    } catch (const std::exception& e) {
      error(place, std::string("for: the value ") + e.what());
    }
    return out.json;
  }

  void bind(const Node& n, const Json& item) {
    if (n.names.size() == 1) {
      scopes_.back()[n.names[0]] = Value(item);
      return;
    }
    if (!item.is_array() || item.size() != n.names.size())
      error(n.place, "for: the numbers of names and values differ");
    for (size_t i = 0; i < n.names.size(); i++) scopes_.back()[n.names[i]] = Value(item[i]);
  }

  void run_loop(const Node& n, std::string& out) {
    Json items = items_of(evaluate(*n.exprs[0]), n.place);
    scopes_.emplace_back();
    if (n.exprs[1]) {
      Json kept = Json::array();
      for (const Json& item : items) {
        bind(n, item);
        if (truth(evaluate(*n.exprs[1]))) kept.push_back(item);
      }
      items = std::move(kept);
    }
    const size_t count = items.size();
    for (size_t i = 0; i < count; i++) {
      step(n.place);
      scopes_.back().clear();
      bind(n, items[i]);
      Json loop = {{"index", i + 1},
                   {"index0", i},
                   {"revindex", count - i},
                   {"revindex0", count - i - 1},
                   {"first", i == 0},
                   {"last", i + 1 == count},
                   {"length", count},
                   {"depth", 1},
                   {"depth0", 0}};
      if (i > 0) loop["previtem"] = items[i - 1];
      if (i + 1 < count) loop["nextitem"] = items[i + 1];
      scopes_.back()["loop"] = Value(loop);
      if (execute(n.bodies[0], out) == Flow::broken) break;
    }
    scopes_.pop_back();
    if (count == 0 && n.bodies.size() > 1) execute(n.bodies[1], out);
  }

  Value make_macro(const Node& n) {
    return callable([this, &n](const Value::Arguments& args, const Value::Named& named) {
      if (++depth_ > kDeepestCall) error(n.place, "macros call each other too deeply");
      if (args.size() > n.names.size())
        error(n.place, fmt::format("macro {} takes {} arguments, got {}", n.text, n.names.size(), args.size()));
      Scope scope;
      for (size_t i = 0; i < n.names.size(); i++) {
        Value value = Value::undefined(n.names[i]);
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
      depth_--;
      return Value(Json(text));
    });
  }

  // ---- expressions

  Value evaluate(const Expr& e) {
    step(e.place);
    switch (e.kind) {
      case ExprKind::literal:
        return Value(e.value);
      case ExprKind::name: {
        const Value* v = lookup(e.text);
        return v != nullptr ? *v : Value::undefined(e.text);
      }
      case ExprKind::list: {
        Json out = Json::array();
        for (const auto& part : e.parts) out.push_back(plain(evaluate(*part), part->place));
        return Value(out);
      }
      case ExprKind::dict: {
        Json out = Json::object();
        for (size_t i = 0; i + 1 < e.parts.size(); i += 2)
          out[python_text(plain(evaluate(*e.parts[i]), e.place))] = plain(evaluate(*e.parts[i + 1]), e.place);
        return Value(out);
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
        return e.parts[2] ? evaluate(*e.parts[2]) : Value::undefined("");
    }
    return Value();
  }

  Json plain(const Value& v, TemplatePlace place) const {
    if (!v.defined) error(place, fmt::format("'{}' is undefined", v.name));
    if (!v.is_plain()) error(place, "a namespace or macro cannot be used as a value here");
    return v.json;
  }

  Value attribute(const Value& object, const std::string& name, TemplatePlace place) const {
    if (!object.defined) error(place, fmt::format("'{}' is undefined, so it has no attribute '{}'", object.name, name));
    if (object.space) {
      const auto it = object.space->find(name);
      return it == object.space->end() ? Value::undefined(name) : it->second;
    }
    if (name.starts_with("__")) error(place, fmt::format("attribute '{}' is not accessible", name));
    if (object.json.is_object() && object.json.contains(name)) return Value(object.json[name]);
    return Value::undefined(name);
  }

  Value index(const Value& object, const Value& key, TemplatePlace place) const {
    if (key.is_string()) return attribute(object, key.json.get<std::string>(), place);
    if (!object.defined) error(place, fmt::format("'{}' is undefined", object.name));
    if (!key.is_plain() || !key.json.is_number_integer()) return Value::undefined("item");
    int64_t i = key.json.get<int64_t>();
    if (object.json.is_string()) {
      const Json one = python_slice(object.json, Json(i), i == -1 ? Json() : Json(i + 1), Json());
      return one.get_ref<const std::string&>().empty() ? Value::undefined("character") : Value(one);
    }
    if (!object.json.is_array()) return Value::undefined("item");
    if (i < 0) i += static_cast<int64_t>(object.json.size());
    if (i < 0 || i >= static_cast<int64_t>(object.json.size())) return Value::undefined("item");
    return Value(object.json[static_cast<size_t>(i)]);
  }

  Value slice(const Expr& e) {
    Json bounds[3];
    for (size_t i = 0; i < 3; i++)
      if (e.parts[i + 1]) bounds[i] = plain(evaluate(*e.parts[i + 1]), e.place);
    try {
      return Value(python_slice(plain(evaluate(*e.parts[0]), e.place), bounds[0], bounds[1], bounds[2]));
    } catch (const Json::exception&) {
      error(e.place, "slice bounds must be whole numbers");
    } catch (const std::runtime_error& problem) {
      error(e.place, problem.what());
    }
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

  Value call(const Expr& e) {
    const Expr& target = *e.parts[0];
    const Called with = arguments(e);
    if (target.kind == ExprKind::attribute) {
      const Value self = evaluate(*target.parts[0]);
      if (self.is_plain() && is_method(target.text, self.json) &&
          !(self.json.is_object() && self.json.contains(target.text)))
        return guarded(e.place, [&] {
          Value out;
          if (!apply_method(target.text, self.json, with.args, out))
            throw std::runtime_error("method " + target.text + " is not supported");
          return out;
        });
      const Value member = attribute(self, target.text, e.place);
      if (!member.call) error(e.place, fmt::format("there is no method '{}' here", target.text));
      return guarded(e.place, [&] { return (*member.call)(with.args, with.named); });
    }
    const Value f = evaluate(target);
    if (!f.call) error(e.place, fmt::format("'{}' cannot be called", f.defined ? target.text : f.name));
    return guarded(e.place, [&] { return (*f.call)(with.args, with.named); });
  }

  Value filter(const Expr& e) {
    const Value value = evaluate(*e.parts[0]);
    const Called with = arguments(e);
    return guarded(e.place, [&] {
      Value out;
      if (!apply_filter(e.text, value, with.args, with.named, out))
        throw std::runtime_error("unknown filter '" + e.text + "'");
      return out;
    });
  }

  Value test(const Expr& e) {
    const Value value = evaluate(*e.parts[0]);
    const Called with = arguments(e);
    return guarded(e.place, [&] {
      bool out = false;
      if (!apply_test(e.text, value, with.args, out)) throw std::runtime_error("unknown test '" + e.text + "'");
      return Value(Json(out));
    });
  }

  Value unary(const Expr& e) {
    const Value v = evaluate(*e.parts[0]);
    if (e.text == "not") return Value(Json(!truth(v)));
    const Json j = plain(v, e.place);
    if (!j.is_number()) error(e.place, "a sign needs a number");
    if (e.text == "+") return v;
    return j.is_number_integer() ? Value(Json(-j.get<int64_t>())) : Value(Json(-j.get<double>()));
  }

  Value binary(const Expr& e) {
    if (e.text == "and" || e.text == "or") {
      Value left = evaluate(*e.parts[0]);
      return truth(left) == (e.text == "and") ? evaluate(*e.parts[1]) : left;
    }
    const Value a = evaluate(*e.parts[0]), b = evaluate(*e.parts[1]);
    if (e.text == "~") return Value(Json(print_text(a) + print_text(b)));
    if (e.text == "==" || e.text == "!=") return Value(Json(equal(a, b) == (e.text == "==")));
    if (e.text == "in" || e.text == "not in")
      return guarded(e.place, [&] {
        bool found = false;
        if (!b.defined) throw std::runtime_error("'" + b.name + "' is undefined");
        if (a.defined) apply_test("in", a, {b}, found);
        return Value(Json(found == (e.text == "in")));
      });
    const Json x = plain(a, e.place), y = plain(b, e.place);
    if (e.text == "<" || e.text == ">" || e.text == "<=" || e.text == ">=") {
      if (!(x.is_number() && y.is_number()) && !(x.is_string() && y.is_string()))
        error(e.place, "values of these kinds have no order");
      return Value(Json(e.text == "<" ? x < y : e.text == ">" ? x > y : e.text == "<=" ? x <= y : x >= y));
    }
    return arithmetic(e, x, y);
  }

  static bool equal(const Value& a, const Value& b) {
    if (!a.defined || !b.defined) return a.defined == b.defined;
    return a.json == b.json;
  }

  Value arithmetic(const Expr& e, const Json& x, const Json& y) const {
    if (e.text == "+" && x.is_string() && y.is_string())
      return Value(Json(x.get<std::string>() + y.get<std::string>()));
    if (e.text == "+" && x.is_array() && y.is_array()) {
      Json out = x;
      out.insert(out.end(), y.begin(), y.end());
      return Value(out);
    }
    if (e.text == "*" && x.is_string() && y.is_number_integer()) {
      std::string out;
      const int64_t n = std::min<int64_t>(y.get<int64_t>(), 100000);
      for (int64_t i = 0; i < n; i++) out += x.get<std::string>();
      return Value(Json(out));
    }
    if (!x.is_number() || !y.is_number())
      error(e.place, fmt::format("operator '{}' does not take {} and {}", e.text, x.type_name(), y.type_name()));
    const double a = x.get<double>(), b = y.get<double>();
    const bool whole = x.is_number_integer() && y.is_number_integer();
    if ((e.text == "/" || e.text == "//" || e.text == "%") && b == 0) error(e.place, "division by zero");
    if (e.text == "/") return Value(Json(a / b));
    double r = 0;
    if (e.text == "+")
      r = a + b;
    else if (e.text == "-")
      r = a - b;
    else if (e.text == "*")
      r = a * b;
    else if (e.text == "//")
      r = std::floor(a / b);
    else if (e.text == "%")
      r = a - b * std::floor(a / b);
    else
      r = std::pow(a, b);
    if (whole && std::abs(r) < 9e15) return Value(Json(static_cast<int64_t>(r)));
    return Value(Json(r));
  }

  const std::string& name_;
  std::vector<Scope> scopes_;
  std::string output_;
  int64_t steps_ = 0;
  int depth_ = 0;
};

class ParsedTemplate : public ChatTemplate {
 public:
  ParsedTemplate(const std::string& source, const std::string& name)
      : name_(name), nodes_(parse_template(source, name)) {}
  std::string render(const Json& context) const override {
    if (!context.is_object()) fail("{}: the template's variables must be an object", name_);
    return Interpreter(name_, context).run(nodes_);
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
