// r1 data inspect: what a data set is, and its first rows as a model will see them.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "base/error.h"
#include "cli/json_lines.h"
#include "cli/verb_registration.h"
#include "data/columns.h"
#include "formats/model_path.h"
#include "train/options.h"
#include "train/prompts.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

struct InspectFlags {
  std::string source, model, stage = "auto", color = "auto";
  int64_t rows = 3;
  bool json = false;
  KeyValues sets;
};

// What --set can say: how data is read, how rows become prompts, what SFT learns.
struct InspectKeys {
  DataOptions data;
  PromptOptions prompt;
  int64_t max_length = 1024;
  bool assistant_only_loss = true;
  void declare(OptionTable& t) {
    data.declare(t);
    prompt.declare(t);
    t.begin_group("sft");
    t.add("max_length", &max_length, "tokens; longer rows are cut at the end");
    t.add("assistant_only_loss", &assistant_only_loss, "messages: learn the assistant's turns only");
  }
};

// A stretch of a row, learned or not.
struct Piece {
  std::string text;
  bool learned = false;
};

struct ShownRow {
  std::vector<Piece> pieces;
  std::vector<TokenId> ids;  // empty without a model
  std::vector<int> mask;     // 1: learned
};

bool is_learnable(DataShape shape) {
  return shape == DataShape::prompt_completion || shape == DataShape::messages || shape == DataShape::text ||
         shape == DataShape::tokenised;
}
bool is_askable(DataShape shape) {
  return shape == DataShape::prompt_only || shape == DataShape::prompt_completion || shape == DataShape::messages;
}

std::string text_of(const Json& content) { return content.is_string() ? content.get<std::string>() : content.dump(); }

class Inspector {
 public:
  explicit Inspector(const InspectFlags& flags) : flags_(flags) {
    OptionTable table;
    keys_.declare(table);
    table.set("data", flags.source);
    table.set_all(flags.sets);
    if (keys_.max_length < 1) fail_usage("max_length is {}, expected at least 1", keys_.max_length);
    data_ = keys_.data.load(false, flags.stage == "sft");
    if (!flags.model.empty()) {
      files_ = open_model_files(resolve_model(flags.model));
      tokenizer_ = open_tokenizer(files_);
      prompts_ = std::make_unique<PromptBuilder>(files_, tokenizer_, keys_.prompt);
    }
    measure();
  }

  void print_json() const {
    print_json_line(summary());
    for (size_t i = 0; i < num_shown(); i++) {
      const ShownRow shown = show(data_.rows[i]);
      Json pieces = Json::array();
      std::string text;
      for (const Piece& p : shown.pieces) {
        pieces.push_back({{"text", p.text}, {"learned", p.learned}});
        text += p.text;
      }
      Json line = {
          {"row", i + 1}, {"line", data_.rows[i].line}, {"shape", shape_id(data_.rows[i].shape)}, {"text", text}};
      if (prompts_) {
        line["ids"] = shown.ids;
        line["mask"] = shown.mask;
      }
      line["pieces"] = pieces;
      if (!data_.rows[i].answer.empty()) line["answer"] = data_.rows[i].answer;
      print_json_line(line);
    }
  }

  void print_text() const {
    std::cout << fmt::format("{}: {} rows of {} ({})\n", data_.name, data_.rows.size(), shape_name(data_.shape),
                             stage_text());
    for (const DataSource& s : data_.sources)
      std::cout << fmt::format("  {}: {} rows{}{}\n", s.name, s.rows, s.format.empty() ? "" : ", read as " + s.format,
                               s.bad_rows > 0 ? fmt::format(", {} bad rows left out", s.bad_rows) : "");
    if (const int64_t repeated = repeated_rows(data_); repeated > 0)
      std::cout << fmt::format("  {} rows ask what another row asks too\n", repeated);
    print_columns();
    std::cout << "lengths            rows     min  median     p95     max      mean\n";
    for (const auto& [name, s] : lengths_)
      if (s.max > 0)
        std::cout << fmt::format("  {:<14}{:>7}{:>8}{:>8}{:>8}{:>8}{:>10.1f}\n", name, s.rows, s.min, s.median, s.p95,
                                 s.max, s.mean);
    for (size_t i = 0; i < num_shown(); i++) print_row(i);
  }

 private:
  bool learns() const { return flags_.stage == "sft" || (flags_.stage == "auto" && is_learnable(data_.shape)); }
  std::string stage_text() const {
    if (!is_learnable(data_.shape) && !is_askable(data_.shape)) return "for reward models";
    return learns() ? "as r1 sft learns them" : "as r1 grpo asks them";
  }
  size_t num_shown() const { return std::min(data_.rows.size(), static_cast<size_t>(flags_.rows)); }

  ShownRow show(const DataRow& row) const {
    if (prompts_ && ((learns() && is_learnable(row.shape)) || (!learns() && is_askable(row.shape))))
      return show_tokens(row);
    ShownRow out{plain_pieces(row), {}, {}};
    return out;
  }

  ShownRow show_tokens(const DataRow& row) const {
    ShownRow out;
    if (learns()) {
      const TrainGroup group = prompts_->learn(row, keys_.max_length, keys_.assistant_only_loss);
      const TrainSample& s = group.samples[0];
      out.ids = s.ids;
      for (size_t i = 0; i < s.ids.size(); i++) out.mask.push_back(s.learn.empty() || s.learn[i] != 0 ? 1 : 0);
    } else {
      out.ids = prompts_->build(row).ids;
      out.mask.assign(out.ids.size(), 0);
    }
    for (size_t begin = 0; begin < out.ids.size();) {
      size_t end = begin;
      while (end < out.ids.size() && out.mask[end] == out.mask[begin]) end++;
      const std::vector<TokenId> part(out.ids.begin() + static_cast<std::ptrdiff_t>(begin),
                                      out.ids.begin() + static_cast<std::ptrdiff_t>(end));
      out.pieces.push_back(
          {tokenizer_ ? tokenizer_->decode(part) : fmt::format("{}", fmt::join(part, " ")), out.mask[begin] == 1});
      begin = end;
    }
    return out;
  }

  // Without a model's template: who says what.
  std::vector<Piece> plain_pieces(const DataRow& row) const {
    std::vector<Piece> out;
    if (!row.prompt.empty()) out.push_back({row.prompt, false});
    if (row.messages.is_array())
      for (const Json& m : row.messages) {
        const bool learned = learns() && m["role"] == "assistant" && row.shape == DataShape::messages;
        out.push_back({fmt::format("{}{}: ", out.empty() ? "" : "\n", m["role"].get<std::string>()), false});
        out.push_back({m.contains("content") ? text_of(m["content"]) : "", learned});
        if (m.contains("tool_calls")) out.push_back({m["tool_calls"].dump(), learned});
      }
    const auto part = [&](const char* name, const std::string& text, bool learned) {
      if (text.empty()) return;
      if (!out.empty() || name[0] != '\0') out.push_back({fmt::format("{}{}", out.empty() ? "" : "\n", name), false});
      out.push_back({text, learned});
    };
    if (learns() || row.good) part("", row.completion, learns() && is_learnable(row.shape));
    if (!row.text.empty()) out.push_back({row.text, learns()});
    if (!row.chosen.is_null()) part("chosen: ", text_of(row.chosen), false);
    if (!row.rejected.is_null()) part("rejected: ", text_of(row.rejected), false);
    if (row.good) part("label: ", *row.good ? "good" : "bad", false);
    for (size_t i = 0; i < row.steps.size(); i++) part(row.step_labels[i] ? "right: " : "wrong: ", row.steps[i], false);
    for (size_t i = 0; i < row.input_ids.size(); i++)
      out.push_back({std::to_string(row.input_ids[i]) + " ", learns() && row.labels[i] >= 0});
    return out;
  }

  void measure() {
    std::vector<int64_t> asked, answered, tokens, learned;
    constexpr size_t kTokenised = 1000;
    for (size_t i = 0; i < data_.rows.size(); i++) {
      const DataRow& row = data_.rows[i];
      asked.push_back(prompt_characters(row));
      answered.push_back(completion_characters(row));
      if (!row.input_ids.empty()) {
        tokens.push_back(static_cast<int64_t>(row.input_ids.size()));
        learned.push_back(std::count_if(row.labels.begin(), row.labels.end(), [](int32_t l) { return l >= 0; }));
      } else if (prompts_ && i < kTokenised) {
        const ShownRow shown = show(row);
        tokens.push_back(static_cast<int64_t>(shown.ids.size()));
        learned.push_back(std::count(shown.mask.begin(), shown.mask.end(), 1));
      }
    }
    lengths_ = {{"prompt", summarise_lengths(asked)},
                {"completion", summarise_lengths(answered)},
                {"tokens", summarise_lengths(tokens)},
                {"learned tokens", summarise_lengths(learned)}};
  }

  Json summary() const {
    Json sources = Json::array(), columns = Json::object(), lengths = Json::object();
    int64_t bad = 0;
    for (const DataSource& s : data_.sources) {
      sources.push_back({{"name", s.name}, {"format", s.format}, {"rows", s.rows}, {"bad_rows", s.bad_rows}});
      bad += s.bad_rows;
    }
    for (const ColumnSummary& c : column_summaries(data_)) columns[c.name] = {{"rows", c.rows}, {"types", c.types}};
    for (const auto& [name, s] : lengths_)
      if (s.rows > 0)
        lengths[name == "learned tokens" ? "learned_tokens" : name] = {
            {"rows", s.rows}, {"min", s.min}, {"median", s.median}, {"p95", s.p95}, {"max", s.max}, {"mean", s.mean}};
    return {{"source", data_.name},
            {"shape", shape_id(data_.shape)},
            {"format", data_.sources.empty() ? "" : data_.sources[0].format},
            {"rows", data_.rows.size()},
            {"bad_rows", bad},
            {"repeated_rows", repeated_rows(data_)},
            {"stage", !is_learnable(data_.shape) && !is_askable(data_.shape) ? "reward"
                      : learns()                                             ? "sft"
                                                                             : "grpo"},
            {"sources", sources},
            {"columns", columns},
            {"lengths", lengths},
            {"bad", data_.bad_rows}};
  }

  void print_columns() const {
    const std::vector<ColumnSummary> columns = column_summaries(data_);
    if (columns.empty()) return;
    std::cout << "columns\n";
    for (const ColumnSummary& c : columns) {
      std::string types;
      for (const auto& [type, count] : c.types)
        types += (types.empty() ? "" : ", ") + fmt::format("{} {}", count, type);
      std::cout << fmt::format("  {:<20} {}\n", printable(c.name), types);
    }
  }

  // Rows come from anywhere: what steers a terminal is shown, not sent.
  static std::string printable(const std::string& text) {
    std::string out;
    for (char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f)
        out += fmt::format("\\x{:02x}", byte);
      else
        out += c;
    }
    return out;
  }

  bool colours() const {
    if (flags_.color != "auto") return flags_.color == "always";
    return isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  }

  void print_row(size_t i) const {
    const DataRow& row = data_.rows[i];
    const ShownRow shown = show(row);
    std::cout << fmt::format("\nrow {}{}", i + 1, row.line > 0 ? fmt::format(" (line {})", row.line) : "");
    if (prompts_ && !shown.ids.empty())
      std::cout << fmt::format(": {} tokens, {} learned", shown.ids.size(),
                               std::count(shown.mask.begin(), shown.mask.end(), 1));
    std::cout << "\n";
    const bool colour = colours();
    for (const Piece& p : shown.pieces) {
      const std::string text = printable(p.text);
      if (colour)
        std::cout << (p.learned ? "\x1b[32m" : "\x1b[2m") << text << "\x1b[0m";
      else
        std::cout << (p.learned ? "\xC2\xAB" + text + "\xC2\xBB" : text);
    }
    std::cout << "\n";
    if (!row.answer.empty()) std::cout << fmt::format("answer: {}\n", printable(row.answer));
    if (!row.tools.is_null()) std::cout << fmt::format("tools: {}\n", row.tools.size());
  }

  InspectFlags flags_;
  InspectKeys keys_;
  Dataset data_;
  ModelFiles files_;
  std::shared_ptr<const Tokenizer> tokenizer_;  // also the prompt builder's
  std::unique_ptr<PromptBuilder> prompts_;      // null without --model
  std::vector<std::pair<std::string, LengthSummary>> lengths_;
};

std::string inspect_keys_help() {
  InspectKeys keys;
  OptionTable table;
  keys.declare(table);
  return "Keys for --set key=value, with their defaults:\n" + table.help();
}

}  // namespace

void add_data_verbs(CLI::App& app, std::function<int()>& action) {
  CLI::App* data = app.add_subcommand("data", "data sets, looked at");
  data->require_subcommand(1);
  const auto f = std::make_shared<InspectFlags>();  // shared by the verb's options and its callback
  CLI::App* inspect = data->add_subcommand("inspect", "what a data set is, and its first rows as a model sees them");
  inspect->add_option("source", f->source, "file, folder, pattern, mixture, or tasks:arithmetic")->required();
  inspect->add_option("--model", f->model, "whose template and tokenizer show the rows");
  inspect->add_option("--stage", f->stage, "sft: what is learned; grpo: what is asked; auto: by the shape")
      ->check(CLI::IsMember({"auto", "sft", "grpo"}));
  inspect->add_option("--rows", f->rows, "how many to show")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{0}, int64_t{100000}));
  inspect
      ->add_option("--color", f->color, "auto, always or never; without colour learned text stands in \xC2\xAB\xC2\xBB")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  inspect->add_flag("--json", f->json, "a JSON line of the whole, then one a row with its token ids and mask");
  add_set(inspect, f->sets);
  inspect->footer(inspect_keys_help);
  inspect->callback([f, &action] {
    action = [f] {
      const Inspector inspector(*f);
      f->json ? inspector.print_json() : inspector.print_text();
      return 0;
    };
  });
}

}  // namespace r1
