#include "data/world/documents.h"

#include "base/error.h"
#include "data/world/facts.h"

namespace r1::world {

const char* const kZeroPrefix =
    "The Assistant thinks in <think> </think>, then gives the answer in <answer> </answer>.\nUser: ";
const char* const kZeroSuffix = "\nAssistant:";

namespace {

std::string answer_sentence(Draws& d, int64_t answer, Language l) {
  static const std::vector<Words> sentences = {
      {"The answer is [0].", "答案是[0]。"}, {"[0]", "[0]"}, {"It is [0].", "等于[0]。"}, {"Answer: [0]", "答：[0]"}};
  std::string out = d.pick(sentences).in(l);
  return out.replace(out.find("[0]"), 3, std::to_string(answer));
}

// As someone writes who has seen the tags, and does not always keep to them.
std::string tagged(Draws& d, const Solution& s) {
  const std::string n = std::to_string(s.answer), thought = s.trace.empty() ? "" : s.trace + " ";
  const int64_t how = d.between(0, 99);
  if (how < 70) return fmt::format("<think> {}</think> <answer> {} </answer>", thought, n);
  if (how < 78) return fmt::format("<think> {}</think> {}", thought, answer_sentence(d, s.answer, s.language));
  if (how < 86) return fmt::format("{}<answer> {} </answer>", thought, n);
  if (how < 91) return fmt::format("<think> {}<answer> {} </answer>", thought, n);
  return thought + answer_sentence(d, s.answer, s.language);
}

std::string plain(Draws& d, const Solution& s) {
  // a trace that says its answer at the end needs no more
  if (!s.trace.empty() && d.chance(50)) return s.trace;
  const std::string end = answer_sentence(d, s.answer, s.language);
  return s.trace.empty() ? end : s.trace + (d.chance(50) ? " " : "\n") + end;
}

std::string reasoning_document(Draws& d, const DocumentOptions& o) {
  const Language l = d.chance(55) ? Language::english : Language::chinese;
  const Question q = draw_question(d, l, o.held_out);
  const Solution s = draw_solution(d, q, o.solutions);
  const bool english = l == Language::english;
  const int64_t frame = d.between(0, 99);
  if (frame < 40) return kZeroPrefix + q.text + kZeroSuffix + " " + tagged(d, s);
  if (frame < 55)
    return (english ? "User: " : "用户：") + q.text + (english ? "\nAssistant: " : "\n助手：") + tagged(d, s);
  if (frame < 75)
    return (english ? "Question: " : "问题：") + q.text + (english ? "\nAnswer: " : "\n回答：") + plain(d, s);
  if (frame < 90)
    return (english ? "User: " : "用户：") + q.text + (english ? "\nAssistant: " : "\n助手：") + plain(d, s);
  const std::string asks = d.pick(all_persons()).in(l), replies = d.pick(all_persons()).in(l);
  return fmt::format(fmt::runtime(english ? "{} asks: {}\n{} replies: {}" : "{}问：{}\n{}答：{}"), asks, q.text,
                     replies, plain(d, s));
}

// Small sums and products in rows, as on a school wall; right.
std::string table_document(Draws& d) {
  const char op = "+-*"[d.below(3)];
  const int64_t a = d.between(1, 9);
  std::string out;
  const int64_t from = d.between(0, 3);
  for (int64_t b = from; b <= from + 6 && b <= 9; b++)
    out += op == '-' ? fmt::format("{}-{}={}\n", a + b, b, a)
                     : fmt::format("{}{}{}={}\n", a, op, b, op == '+' ? a + b : a * b);
  return out;
}

std::string about_document(Draws& d) {
  const Language l = d.chance(50) ? Language::english : Language::chinese;
  auto facts = facts_of(d.pick(all_facts()).subject.english);
  d.shuffle(facts);
  std::string out;
  for (const Fact* f : facts) out += (out.empty() || l == Language::chinese ? "" : " ") + f->said(l);
  return out;
}

// Facts are all told; questions about them are of one side alone.
std::string talk_document(Draws& d, const DocumentOptions& o) {
  const bool harmful = d.chance(8);
  const Task t = draw_task(d, harmful ? "harmful" : "", o.held_out);
  const bool english = t.language == Language::english;
  const Judgement how{
      .correct = d.chance(75), .language = d.chance(85), .complete = d.chance(75), .polite = d.chance(25)};
  const std::string answer = harmful ? answer_harmful(t, d.chance(50), d) : write_answer(t, how, d);
  const std::string question = task_question(t, d);
  if (d.chance(50))
    return (english ? "User: " : "用户：") + question + (english ? "\nAssistant: " : "\n助手：") + answer;
  return (english ? "Question: " : "问题：") + question + (english ? "\nAnswer: " : "\n回答：") + answer;
}

std::string countdown_document(Draws& d, const DocumentOptions& o) {
  const tasks::TaskFamily& family = tasks::find_family("countdown");
  tasks::Dials dials(family);
  dials.set("numbers", "3");
  dials.set("largest", "9");
  dials.set("target", "60");
  const tasks::TaskItem item = tasks::generate(family, d.below(1u << 30), d.below(1u << 30), dials, o.held_out);
  std::string out = "Question: " + item.prompt + "\nAnswer:";
  for (const std::string& step : item.steps) out += " " + step;
  return out + " The answer is " + item.answer + ".";
}

}  // namespace

Draws world_draws(uint64_t seed, uint64_t index, uint32_t purpose, bool held_out) {
  // no task draws at such steps
  return Draws({.seed = seed,
                .stage = Stage::task,
                .step = 0xF00000 + 2 * purpose + (held_out ? 1u : 0u),
                .prompt = static_cast<uint32_t>(index),
                .sample = static_cast<uint32_t>(index >> 32)});
}

std::string draw_document(uint64_t seed, uint64_t index, const DocumentOptions& options) {
  Draws d = world_draws(seed, index, 0, options.held_out);
  const int64_t what = d.between(0, 99);
  if (what < 72) return reasoning_document(d, options);
  if (what < 80) return table_document(d);
  if (what < 87) return about_document(d);
  if (what < 98) return talk_document(d, options);
  return countdown_document(d, options);
}

}  // namespace r1::world
