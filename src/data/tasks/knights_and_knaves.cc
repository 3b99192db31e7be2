// Knights always tell the truth, knaves never do; who is what? Statements are drawn until exactly one assignment fits,
// found by trying all of them.
#include <algorithm>
#include <bit>

#include "base/error.h"
#include "data/tasks/answer.h"
#include "data/tasks/claims.h"
#include "data/tasks/vocabulary.h"

namespace r1::tasks {
namespace {

constexpr size_t kMostPeople = 8;

using World = uint32_t;  // bit i: person i is a knight

struct Statement {
  std::string kind;
  int64_t a = 0, b = 0;  // people; of `count`, a is the number
};

bool is_knight(World w, int64_t person) { return (w >> person & 1) != 0; }

bool holds(const Statement& s, World w) {
  if (s.kind == "knight") return is_knight(w, s.a);
  if (s.kind == "knave") return !is_knight(w, s.a);
  if (s.kind == "same") return is_knight(w, s.a) == is_knight(w, s.b);
  if (s.kind == "different") return is_knight(w, s.a) != is_knight(w, s.b);
  if (s.kind == "both") return is_knight(w, s.a) && is_knight(w, s.b);
  if (s.kind == "either") return is_knight(w, s.a) || is_knight(w, s.b);
  if (s.kind == "count") return std::popcount(w) == s.a;
  fail("item: a statement of kind \"{}\"", s.kind);
}

std::string describe(const Statement& s, const std::vector<std::string>& names) {
  const auto name = [&](int64_t i) { return names[static_cast<size_t>(i)]; };
  if (s.kind == "knight" || s.kind == "knave") return fmt::format("{} is a {}.", name(s.a), s.kind);
  if (s.kind == "same") return fmt::format("{} and {} are of the same kind.", name(s.a), name(s.b));
  if (s.kind == "different") return fmt::format("{} and {} are of different kinds.", name(s.a), name(s.b));
  if (s.kind == "both") return fmt::format("{} and {} are both knights.", name(s.a), name(s.b));
  if (s.kind == "either") return fmt::format("At least one of {} and {} is a knight.", name(s.a), name(s.b));
  return fmt::format("The number of knights among us is {}.", s.a);
}

struct Puzzle {
  std::vector<std::string> names;
  std::vector<Statement> says;
  World num_worlds() const { return World{1} << names.size(); }
  // The first person who could not say what they say; names.size() when the world fits.
  size_t liar_out_of_place(World w) const {
    for (size_t i = 0; i < says.size(); i++)
      if (holds(says[i], w) != is_knight(w, static_cast<int64_t>(i))) return i;
    return names.size();
  }
  bool fits(World w) const { return liar_out_of_place(w) == names.size(); }
  std::optional<World> only_solution() const {
    std::optional<World> found;
    for (World w = 0; w < num_worlds(); w++) {
      if (!fits(w)) continue;
      if (found) return std::nullopt;
      found = w;
    }
    return found;
  }
  std::string kinds(World w) const {
    std::vector<std::string> parts;
    for (size_t i = 0; i < names.size(); i++)
      parts.push_back(names[i] + (is_knight(w, static_cast<int64_t>(i)) ? " is a knight" : " is a knave"));
    return joined(parts);
  }
};

Statement draw_statement(int64_t speaker, int64_t people, Draws& draws) {
  static const std::vector<std::string> kinds = {"knight", "knave", "same", "different", "both", "either", "count"};
  Statement s{draws.pick(kinds)};
  if (s.kind == "count") {
    s.a = draws.between(0, people);
    return s;
  }
  s.a = (speaker + draws.between(1, people - 1)) % people;
  s.b = (s.a + draws.between(1, people - 1)) % people;
  return s;
}

std::vector<std::string> work_out(const Puzzle& p, World solution) {
  std::vector<std::string> steps;
  for (World w = p.num_worlds(); w-- > 0;) {
    const size_t who = p.liar_out_of_place(w);
    const std::string why = who == p.names.size() ? "every statement fits, so this is possible"
                                                  : fmt::format("{}'s statement is {}, so this cannot be", p.names[who],
                                                                holds(p.says[who], w));
    steps.push_back(fmt::format("Suppose {}: {}.", p.kinds(w), why));
  }
  steps.push_back(fmt::format("So {}.", p.kinds(solution)));
  return steps;
}

std::optional<Draft> draw(Draws& draws, const Dials& dials) {
  constexpr int kTries = 50;
  const int64_t people = dials.whole("people", draws);
  Puzzle p;
  p.names = first_names();
  draws.shuffle(p.names);
  p.names.resize(static_cast<size_t>(people));
  std::optional<World> solution;
  for (int i = 0; i < kTries && !solution; i++) {
    p.says.clear();
    for (int64_t who = 0; who < people; who++) p.says.push_back(draw_statement(who, people, draws));
    solution = p.only_solution();
  }
  if (!solution) return std::nullopt;
  Draft out;
  out.prompt =
      fmt::format("On an island live knights, who always tell the truth, and knaves, who always lie. You meet {}.",
                  joined(p.names));
  Json says = Json::array();
  out.key = "knights";
  for (size_t i = 0; i < p.says.size(); i++) {
    const Statement& s = p.says[i];
    out.prompt += fmt::format("\n{} says: \"{}\"", p.names[i], describe(s, p.names));
    out.key += fmt::format(" {} {} {}", s.kind, s.a, s.b);  // the names make no difference
    says.push_back({{"kind", s.kind}, {"a", s.a}, {"b", s.b}});
  }
  out.prompt += "\nWho is a knight, and who is a knave?";
  out.answer = p.kinds(*solution);
  out.steps = work_out(p, *solution);
  out.meta = {{"names", p.names}, {"says", says}};
  return out;
}

Puzzle puzzle_of(const TaskItem& item) {
  Puzzle p;
  p.names = meta_texts(item.meta, "names", kMostPeople);
  const int64_t people = static_cast<int64_t>(p.names.size());
  if (!item.meta.contains("says") || !item.meta["says"].is_array() || item.meta["says"].size() != p.names.size())
    fail("item: meta.says is no list of as many statements as names");
  for (const Json& s : item.meta["says"]) {
    const std::string kind = meta_text(s, "kind");
    const int64_t most = kind == "count" ? people : people - 1;
    p.says.push_back({kind, meta_whole(s, "a", 0, most), meta_whole(s, "b", 0, people - 1)});
  }
  return p;
}

// What a text says of each person: the word knight or knave between their name and the next one.
struct Said {
  World knights = 0;
  size_t people = 0;         // of whom something is said
  bool contradicts = false;  // both of one person
};
Said read_kinds(const std::string& text, const std::vector<std::string>& names) {
  std::vector<std::pair<size_t, size_t>> places;  // (position, person)
  for (size_t i = 0; i < names.size(); i++)
    for (size_t at = 0; (at = text.find(names[i], at)) != std::string::npos; at++) places.push_back({at, i});
  std::sort(places.begin(), places.end());
  Said out;
  World knights = 0, knaves = 0;
  for (size_t i = 0; i < places.size(); i++) {
    const size_t end = i + 1 < places.size() ? places[i + 1].first : text.size();
    const std::string part = lowered(text.substr(places[i].first, end - places[i].first));
    const World bit = World{1} << places[i].second;
    if (part.find("knight") != std::string::npos) knights |= bit;
    if (part.find("knave") != std::string::npos) knaves |= bit;
  }
  out.knights = knights;
  out.people = static_cast<size_t>(std::popcount(knights | knaves));
  out.contradicts = (knights & knaves) != 0;
  return out;
}

Verdict judge(const TaskItem& item, const TaskAnswer& answer) {
  const Puzzle p = puzzle_of(item);
  const auto solution = p.only_solution();
  if (!solution) fail("item: the puzzle has no single solution");
  const Said said = read_kinds(answer.text, p.names);
  if (said.contradicts) return wrong_answer(answer.text, "says two things of one person");
  if (said.people == 0) return no_answer("the answer says of nobody what they are");
  if (said.people < p.names.size()) return wrong_answer(answer.text, "does not say of everybody what they are");
  return judge_equal(p.kinds(said.knights), p.kinds(*solution));
}

StepVerdict check_supposed(const Puzzle& p, const std::string& step, size_t colon) {
  const Said said = read_kinds(step.substr(0, colon), p.names);
  if (said.contradicts || said.people < p.names.size()) return StepVerdict::none;
  const std::string rest = step.substr(colon + 1);
  const bool impossible = rest.find("cannot be") != std::string::npos;
  StepVerdict v = StepVerdict::none;
  for (size_t i = 0; i < p.names.size(); i++)
    for (bool truth : {false, true}) {
      if (rest.find(fmt::format("{}'s statement is {}", p.names[i], truth)) == std::string::npos) continue;
      v = join(v, claim(holds(p.says[i], said.knights) == truth));
      if (impossible) v = join(v, claim(is_knight(said.knights, static_cast<int64_t>(i)) != truth));
    }
  if (impossible) v = join(v, claim(!p.fits(said.knights)));
  if (rest.find("is possible") != std::string::npos) v = join(v, claim(p.fits(said.knights)));
  return v;
}

// Whether a step says what would be, or what is not: no claim of what somebody is.
bool is_hypothetical(const std::string& step) {
  std::string words = " ";
  for (const char c : lowered(step)) words += (c >= 'a' && c <= 'z') || c == '\'' ? c : ' ';
  words += ' ';
  if (words.starts_with(" then ")) return true;  // of what the step before supposed
  for (const char* word :
       {" if ",     " assume ",  " assuming ", " were ",    " would ", " could ", " might ",      " may ",
        " or ",     " cannot ",  " can't ",    " not ",     " isn't ", " never ", " impossible ", " otherwise ",
        " unless ", " whether ", " either ",   " neither ", " says ",  " say ",   " said ",       " claims "})
    if (words.find(word) != std::string::npos) return true;
  return false;
}

std::vector<StepVerdict> check_all(const TaskItem& item, const std::vector<std::string>& steps) {
  const Puzzle p = puzzle_of(item);
  const auto solution = p.only_solution();
  if (!solution) fail("item: the puzzle has no single solution");
  std::vector<StepVerdict> out;
  for (const std::string& step : steps) {
    const size_t colon = step.find(':');
    if (step.find("uppose") != std::string::npos) {
      out.push_back(colon == std::string::npos ? StepVerdict::none : check_supposed(p, step, colon));
      continue;
    }
    StepVerdict v = StepVerdict::none;
    for (size_t i = 0; i < p.names.size() && !is_hypothetical(step); i++)
      for (bool knight : {false, true})
        if (step.find(fmt::format("{} is a {}", p.names[i], knight ? "knight" : "knave")) != std::string::npos)
          v = join(v, claim(is_knight(*solution, static_cast<int64_t>(i)) == knight));
    out.push_back(v);
  }
  return out;
}

}  // namespace

TaskFamily knights_and_knaves_family() {
  return {"knights_and_knaves",
          "who tells the truth and who lies; exactly one assignment fits",
          {{.name = "people", .low = 2, .high = 6, .fallback = "2-3", .help = "how many people speak"}},
          draw,
          judge,
          check_all};
}

}  // namespace r1::tasks
