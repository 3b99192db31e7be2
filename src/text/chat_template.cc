#include "text/chat_template.h"

#include <algorithm>

#include "base/error.h"
#include "text/template_interpreter.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
using namespace jinja;

constexpr int64_t kFuel = 48 << 20;  // roughly bytes touched; more for a large context

// Rough bytes of a context. Throws when it is nested too deep to be walked.
uint64_t weight(const Json& v, int depth = 0) {
  if (depth >= kDeepestValue) throw Trouble(fmt::format("a variable is nested more than {} deep", kDeepestValue));
  uint64_t sum = v.is_structured() ? 96 : 32;
  if (v.is_string()) return sum + v.get_ref<const std::string&>().size();
  if (v.is_object())
    for (const auto& [key, item] : v.items()) sum += 200 + key.size() + weight(item, depth + 1);
  else if (v.is_array())
    for (const Json& item : v) sum += weight(item, depth + 1);
  return sum;
}

bool is_usual_role(const Json& role) {
  static constexpr const char* kRoles[] = {"system", "developer", "user",    "assistant",   "model",
                                           "tool",   "function",  "ipython", "environment", "observation"};
  return role.is_string() && std::any_of(std::begin(kRoles), std::end(kRoles),
                                         [&](const char* r) { return role.get_ref<const std::string&>() == r; });
}

// A role is the caller's word, not a text of people: templates build their special tokens with it ('<|' + role + '|>').
Value message_value(Runtime& runtime, const Json& message) {
  if (!message.is_object()) return from_json(runtime, message, kUser);
  const Json role = message.value("role", Json());
  const uint8_t origin = role == "assistant" || role == "model" ? kModel : kUser;
  DictMaker out(runtime);
  for (const auto& [key, item] : message.items()) {
    const bool trusted = key == "role" && is_usual_role(item);
    out.set(Value::text(Text(key, origin)), from_json(runtime, item, trusted ? uint8_t{kTemplate} : origin));
  }
  return out.finish();
}

Value variable(Runtime& runtime, const std::string& name, const Json& value) {
  if (name.ends_with("_token")) return from_json(runtime, value, kTemplate);
  if (name != "messages" || !value.is_array()) return from_json(runtime, value, kUser);
  std::vector<Value> messages;
  for (const Json& message : value) messages.push_back(message_value(runtime, message));
  return Value::list(std::move(messages));
}

Value named_variable(Runtime& runtime, const std::string& name, const Json& value) {
  try {
    return variable(runtime, name, value);
  } catch (const Trouble& e) {
    throw Trouble(fmt::format("variable {}: {}", name, e.what()));
  }
}

// Where the text has `origin` and not `other`.
std::vector<TextRange> ranges_of(const Text& text, uint8_t origin, uint8_t other) {
  std::vector<TextRange> out;
  for (const Mark& m : text.marks()) {
    if ((m.origin & origin) == 0 || (m.origin & other) != 0) continue;
    if (!out.empty() && out.back().end == m.begin)
      out.back().end = m.end;
    else
      out.push_back({m.begin, m.end});
  }
  return out;
}

class ParsedTemplate : public ChatTemplate {
 public:
  ParsedTemplate(const std::string& source, const std::string& name)
      : name_(name), nodes_(parse_template(source, name)) {}

  RenderedChat render_marked(const Json& context) const override {
    if (!context.is_object()) fail("{}: the template's variables must be an object", name_);
    try {
      const uint64_t size = weight(context);
      Runtime runtime(static_cast<int64_t>(kFuel + 64 * size));
      std::map<std::string, Value> variables = global_functions();
      for (const auto& [key, value] : context.items())
        variables.insert_or_assign(key, named_variable(runtime, key, value));
      const Text text = run_template(name_, nodes_, runtime, std::move(variables));
      return {text.bytes(), ranges_of(text, kUser, 0), ranges_of(text, kModel, kUser), ranges_of(text, kGenerated, 0)};
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
