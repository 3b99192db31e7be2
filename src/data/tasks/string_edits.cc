// A text of lower-case letters, changed by a list of edits; at the end the text is asked for, or how often a letter
// stands in it.
#include <algorithm>

#include "base/error.h"
#include "data/tasks/answer.h"
#include "data/tasks/claims.h"

namespace r1::tasks {
namespace {

constexpr size_t kMostBytes = 1 << 16;

struct Edit {
  std::string kind;
  char a = 'a', b = 'a';  // letters of replace and remove
  int64_t n = 0;          // places of shift and rotate
};

char shifted(char c, int64_t n) { return c >= 'a' && c <= 'z' ? static_cast<char>('a' + (c - 'a' + n) % 26) : c; }

std::string apply(const Edit& e, std::string text) {
  if (e.kind == "reverse") std::reverse(text.begin(), text.end());
  if (e.kind == "replace") std::replace(text.begin(), text.end(), e.a, e.b);
  if (e.kind == "remove") std::erase(text, e.a);
  if (e.kind == "shift")
    std::transform(text.begin(), text.end(), text.begin(), [&](char c) { return shifted(c, e.n); });
  if (e.kind == "rotate" && !text.empty())
    std::rotate(text.begin(), text.begin() + e.n % static_cast<int64_t>(text.size()), text.end());
  if (e.kind == "double") text += text;
  if (text.size() > kMostBytes) fail("item: the text grows beyond {} bytes", kMostBytes);
  return text;
}

std::string describe(const Edit& e) {
  if (e.kind == "reverse") return "Reverse the text.";
  if (e.kind == "replace") return fmt::format("Replace every {} by {}.", e.a, e.b);
  if (e.kind == "remove") return fmt::format("Remove every {}.", e.a);
  if (e.kind == "shift") return fmt::format("Move every letter {} places on in the alphabet (after z comes a).", e.n);
  if (e.kind == "rotate") return fmt::format("Move the first {} letters to the end.", e.n);
  return "Write the text twice in a row.";
}

Edit draw_edit(const std::string& text, Draws& draws) {
  static const std::vector<std::string> kinds = {"reverse", "replace", "remove", "shift", "rotate", "double"};
  const std::vector<char> letters(text.begin(), text.end());
  Edit e{draws.pick(kinds), draws.pick(letters), static_cast<char>('a' + draws.below(26)), 0};
  if (e.kind == "shift") e.n = draws.between(1, 25);
  if (e.kind == "rotate") e.n = draws.between(1, std::max<int64_t>(1, static_cast<int64_t>(text.size()) - 1));
  return e;
}

std::string draw_text(int64_t length, Draws& draws) {
  const int64_t letters = draws.between(3, 8);  // few, so that some repeat
  const uint64_t first = draws.below(26);
  std::string out;
  for (int64_t i = 0; i < length; i++)
    out += static_cast<char>('a' + (first + 5 * draws.below(static_cast<uint64_t>(letters))) % 26);
  return out;
}

std::optional<Draft> draw(Draws& draws, const Dials& dials) {
  const int64_t length = dials.whole("length", draws), edits = dials.whole("edits", draws);
  std::string text = draw_text(length, draws);
  Draft out;
  Json list = Json::array();
  out.prompt = fmt::format("Begin with the text \"{}\" and make these edits, one after the other:", text);
  out.key = "edit " + text;
  out.meta["text"] = text;
  for (int64_t i = 0; i < edits; i++) {
    const Edit e = draw_edit(text, draws);
    std::string next = apply(e, text);
    if (next.empty() || next == text || next.size() > 200) return std::nullopt;
    text = std::move(next);
    out.prompt += fmt::format("\n{}. {}", i + 1, describe(e));
    out.key += "\n" + describe(e);
    out.steps.push_back(fmt::format("Edit {} gives \"{}\".", i + 1, text));
    list.push_back({{"kind", e.kind}, {"a", std::string(1, e.a)}, {"b", std::string(1, e.b)}, {"n", e.n}});
  }
  out.meta["edits"] = list;
  out.answer = text;
  out.meta["letter"] = "";
  if (dials.text("ask") == "count" || (dials.text("ask") == "both" && draws.chance(30))) {
    const char letter = draws.pick(std::vector<char>(text.begin(), text.end()));
    const auto count = std::count(text.begin(), text.end(), letter);
    out.prompt += fmt::format("\nHow many times does the letter {} stand in the result?", letter);
    out.steps.push_back(fmt::format("The letter {} occurs {} times in the result.", letter, count));
    out.answer = std::to_string(count);
    out.meta["letter"] = std::string(1, letter);
  } else {
    out.prompt += "\nWhat is the result?";
  }
  return out;
}

char letter_at(const Json& edit, const char* key) {
  const std::string text = meta_text(edit, key, 1);
  if (text.size() != 1) fail("item: an edit's \"{}\" is no letter", key);
  return text[0];
}

// The text after each edit.
std::vector<std::string> states_of(const TaskItem& item) {
  constexpr size_t kMostEdits = 20;
  std::string text = meta_text(item.meta, "text");
  if (!item.meta.contains("edits") || !item.meta["edits"].is_array() || item.meta["edits"].size() > kMostEdits)
    fail("item: meta has no list \"edits\" of at most {}", kMostEdits);
  std::vector<std::string> out;
  for (const Json& edit : item.meta["edits"]) {
    text = apply(
        {meta_text(edit, "kind"), letter_at(edit, "a"), letter_at(edit, "b"), meta_whole(edit, "n", 0, 1 << 20)}, text);
    out.push_back(text);
  }
  if (out.empty()) fail("item: meta.edits is empty");
  return out;
}

std::string unquoted(std::string text) {
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front())
    text = text.substr(1, text.size() - 2);
  return text;
}

Verdict judge(const TaskItem& item, const TaskAnswer& answer) {
  if (!meta_text(item.meta, "letter").empty()) return judge_number(answer, item.answer);
  std::string text = answer.text;
  if (!answer.marked && unquoted(text) == text) text = text.substr(text.rfind(' ') + 1);  // the last word
  return judge_equal(unquoted(text), states_of(item).back());
}

std::vector<StepVerdict> check_all(const TaskItem& item, const std::vector<std::string>& steps) {
  const std::vector<std::string> states = states_of(item);
  std::vector<StepVerdict> out;
  for (const std::string& step : steps) {
    StepVerdict v = StepVerdict::none;
    for (const auto& found : find_claims(step, "edit {} gives \"{}\"")) {
      const auto number = whole_of(found[0]);
      if (!number) continue;
      v = join(v, claim(*number >= 1 && *number <= static_cast<int64_t>(states.size()) &&
                        found[1] == states[static_cast<size_t>(*number) - 1]));
    }
    for (const auto& found : find_claims(step, "letter {} occurs {} times"))
      if (const auto count = whole_of(found[1]); count && found[0].size() == 1)
        v = join(v, claim(*count == std::count(states.back().begin(), states.back().end(), found[0][0])));
    out.push_back(v);
  }
  return out;
}

}  // namespace

TaskFamily string_edits_family() {
  return {"string_edits",
          "reverse, replace, remove, shift by the alphabet, rotate, double, count letters",
          {{.name = "length", .low = 3, .high = 30, .fallback = "5-8", .help = "letters to begin with"},
           {.name = "edits", .low = 1, .high = 6, .fallback = "1-2", .help = "edits one after the other"},
           {.name = "ask",
            .kind = Dial::Kind::choice,
            .choices = {"text", "count", "both"},
            .fallback = "both",
            .help = "for the text, or for how often a letter stands in it"}},
          draw,
          judge,
          check_all};
}

}  // namespace r1::tasks
