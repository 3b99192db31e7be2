// The functions that every template can call.
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>

#include "base/error.h"
#include "text/template_filters.h"
#include "text/template_print.h"

namespace r1::jinja {
namespace {

constexpr int64_t kLongestRange = 100000;  // as Jinja's sandbox

Value range(Runtime&, const Arguments& arguments) {
  const Bound b("range", arguments, {"", "", ""}, 1);
  const bool one = !b.has(1);
  auto out = std::make_shared<Range>();
  out->start = one ? 0 : b.whole(0, 0);
  out->stop = one ? b.whole(0, 0) : b.whole(1, 0);
  out->step = b.whole(2, 1);
  if (out->step == 0) throw Trouble("range() arg 3 must not be zero");
  // the gaps fit 64 bits unsigned
  const bool up = out->step > 0;
  const uint64_t gap =
      up ? (out->stop > out->start ? static_cast<uint64_t>(out->stop) - static_cast<uint64_t>(out->start) : 0)
         : (out->start > out->stop ? static_cast<uint64_t>(out->start) - static_cast<uint64_t>(out->stop) : 0);
  const uint64_t by = up ? static_cast<uint64_t>(out->step) : ~static_cast<uint64_t>(out->step) + 1;
  const uint64_t count = gap == 0 ? 0 : (gap - 1) / by + 1;
  if (count > kLongestRange)
    throw Trouble(fmt::format("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).", kLongestRange));
  out->count = static_cast<int64_t>(count);
  return Value::object(Kind::range, std::move(out));
}

// dict(), of a mapping or of pairs, and of named values.
void fill(Runtime& runtime, const Arguments& arguments, const char* name,
          const std::function<void(const Value&, const Value&)>& set) {
  if (arguments.args.size() > 1) throw Trouble(fmt::format("{} expected at most 1 argument", name));
  if (!arguments.args.empty() && arguments.args[0].is(Kind::dict)) {
    for (const auto& [key, value] : arguments.args[0].dict().items) set(key, value);
  } else if (!arguments.args.empty()) {
    need_defined(arguments.args[0]);
    for (const Value& pair : listed(runtime, arguments.args[0])) {
      const std::vector<Value> both = listed(runtime, pair);
      if (both.size() != 2) throw Trouble(fmt::format("{}: an update sequence needs pairs", name));
      set(both[0], both[1]);
    }
  }
  for (const auto& [key, value] : arguments.named) set(Value::text(key), value);
}

Value make_dict(Runtime& runtime, const Arguments& arguments) {
  DictMaker out(runtime);
  fill(runtime, arguments, "dict", [&](const Value& key, const Value& value) { out.set(key, value); });
  return out.finish();
}

Value dict_fromkeys(Runtime& runtime, const Arguments& arguments) {
  const Bound b("fromkeys", arguments, {"", ""}, 1);
  DictMaker out(runtime);
  for (const Value& key : listed(runtime, b[0])) out.set(key, b.value(1, Value()));
  return out.finish();
}

Value make_namespace(Runtime& runtime, const Arguments& arguments) {
  Space* space = runtime.new_space();
  fill(runtime, arguments, "namespace", [&](const Value& key, const Value& value) {
    if (!key.is_text()) throw Trouble("a namespace's names are strings");
    if (key.text().bytes().starts_with("_"))
      throw Trouble(fmt::format("a namespace cannot store '{}': names beginning with an underscore are refused",
                                key.text().bytes()));
    space->set(key.text().bytes(), value);
  });
  return Value::space(space);
}

Value raise_exception(Runtime& runtime, const Arguments& arguments) {
  const Bound b("raise_exception", arguments, {"message"}, 1);
  throw Refusal(print_text(runtime, b[0]).bytes());
}

Value strftime_now(Runtime&, const Arguments& arguments) {
  const Bound b("strftime_now", arguments, {"format"}, 1);
  const std::string& format = b.text(0).bytes();
  if (format.size() > 256) throw Trouble("strftime_now: the format is longer than 256 bytes");
  const char* fixed = std::getenv("SOURCE_DATE_EPOCH");
  const std::time_t now =
      fixed != nullptr ? static_cast<std::time_t>(std::strtoll(fixed, nullptr, 10)) : std::time(nullptr);
  std::tm parts{};
  if (fixed != nullptr)
    gmtime_r(&now, &parts);
  else
    localtime_r(&now, &parts);
  char buffer[8192];
  const size_t n = std::strftime(buffer, sizeof buffer, format.c_str(), &parts);
  if (n == 0 && !format.empty() && format != "%Z" && format != "%p")
    throw Trouble("strftime_now: the format is not usable");
  return Value::text(std::string(buffer, n));
}

Value cycler(Runtime&, const Arguments& arguments) {
  if (!arguments.named.empty()) throw Trouble("cycler takes no keyword arguments");
  if (arguments.args.empty()) throw Trouble("at least one item has to be provided");
  auto object = std::make_shared<Function>();
  object->name = "cycler";
  object->type = "Cycler";
  const Value items = Value::list(arguments.args);
  object->depth = items.depth();
  auto at = std::make_shared<size_t>(0);  // shared by the cycler's methods
  object->call = [](Runtime&, const Arguments&) -> Value { throw Trouble("'Cycler' object is not callable"); };
  object->attribute = [items, at](const std::string& name) {
    if (name == "current") return items.items()[*at];
    if (name == "next")
      return make_function("next", [items, at](Runtime&, const Arguments&) {
        const Value out = items.items()[*at];
        *at = (*at + 1) % items.items().size();
        return out;
      });
    if (name == "reset")
      return make_function("reset", [at](Runtime&, const Arguments&) {
        *at = 0;
        return Value();
      });
    return Value::undefined("no such attribute");
  };
  return Value::object(Kind::function, std::move(object));
}

Value joiner(Runtime&, const Arguments& arguments) {
  const Bound b("joiner", arguments, {"sep"});
  auto used = std::make_shared<bool>(false);
  const Value between = b.value(0, Value::text(", "));
  return make_function(
      "joiner",
      [used, between](Runtime&, const Arguments&) {
        return std::exchange(*used, true) ? between : Value::text(Text());
      },
      &between);
}

Value lipsum(Runtime&, const Arguments&) {
  throw Trouble("lipsum has no place in a chat template: its text would differ every time");
}

}  // namespace

std::map<std::string, Value> global_functions() {
  std::map<std::string, Value> out;
  for (const auto& [name, call] : std::initializer_list<std::pair<const char*, Value (*)(Runtime&, const Arguments&)>>{
           {"range", range},
           {"namespace", make_namespace},
           {"raise_exception", raise_exception},
           {"strftime_now", strftime_now},
           {"cycler", cycler},
           {"joiner", joiner},
           {"lipsum", lipsum}})
    out[name] = make_function(name, call);
  auto dict = std::make_shared<Function>();
  dict->name = "dict";
  dict->call = make_dict;
  dict->attribute = [](const std::string& name) {
    return name == "fromkeys" ? make_function(name, dict_fromkeys) : Value::undefined("no such attribute");
  };
  out["dict"] = Value::object(Kind::function, std::move(dict));
  return out;
}

}  // namespace r1::jinja
