#include "cli/recipe_import.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "base/nearest.h"
#include "reward/reward.h"
#include "train/options.h"
#include "train/presets.h"

namespace r1 {
namespace {

using Kind = YamlValue::Kind;

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size()) return {};
  return value;
}

// Texts of a list, or of one scalar.
std::vector<std::string> texts_of(const YamlValue& v) {
  std::vector<std::string> out;
  if (v.is(Kind::list))
    for (const YamlValue& item : v.items) out.push_back(item.text);
  else if (!v.is(Kind::null))
    out.push_back(v.text);
  return out;
}

// For a key that takes JSON. YAML's numbers that JSON has no word for (.inf, .nan) stay texts.
nlohmann::ordered_json json_of(const YamlValue& v) {
  using Json = nlohmann::ordered_json;
  if (v.is(Kind::null)) return nullptr;
  if (v.is(Kind::text)) return v.text;
  Json out = v.is(Kind::map) ? Json::object() : Json::array();
  for (const auto& [name, value] : v.members) out[name] = json_of(value);
  for (const YamlValue& item : v.items) out.push_back(json_of(item));
  if (v.is(Kind::map) || v.is(Kind::list)) return out;
  const Json scalar = Json::parse(v.text, nullptr, false);
  return scalar.is_discarded() ? Json(v.text) : scalar;
}

class Importer {
 public:
  Importer(const YamlDocument& yaml, const std::string& name, const ImportOptions& options)
      : yaml_(yaml), name_(name), options_(options) {
    out_.kind = options.kind == "auto" ? kind_of(yaml.root) : options.kind;
    out_.notes = yaml.notes;
    if (is_grpo())
      grpo_.declare(table_);
    else
      sft_.declare(table_);
  }

  ImportedRecipe run() {
    for (const auto& [key, value] : yaml_.root.members) import_key(key, value);
    import_rewards();
    import_processes();
    check();
    out_.toml = write();
    return std::move(out_);
  }

 private:
  using Handler = void (Importer::*)(const std::string&, const YamlValue&);

  static std::string kind_of(const YamlValue& root) {
    for (const char* key : {"reward_funcs", "num_generations", "max_completion_length", "num_iterations", "use_vllm",
                            "generation_batch_size", "scale_rewards"})
      if (root.find(key) != nullptr) return "grpo";
    return "sft";
  }
  bool is_grpo() const { return out_.kind == "grpo"; }
  const YamlValue* at(const char* key) const { return yaml_.root.find(key); }

  void note_key(Fate fate, const std::string& key, const YamlValue& v, const std::string& what) {
    out_.keys.push_back({fate, key, v.line, v.shown(), what});
  }

  // Sets one of our keys; what it does not take is impossible.
  void set(const std::string& ours, const std::string& text, const std::string& key, const YamlValue& v) {
    try {
      table_.set(ours, text);
    } catch (const UsageError& e) {
      return note_key(Fate::impossible, key, v, e.what());
    }
    const std::string name = table_.name_of(ours);
    from_[name] = {key, v.line};
    note_key(Fate::mapped, key, v, name);
  }

  void import_key(const std::string& key, const YamlValue& v) {
    if (v.is(Kind::null)) return note_key(Fate::ignored, key, v, "null: the default");
    const auto& handlers = handlers_();
    if (const auto it = handlers.find(key); it != handlers.end()) return (this->*it->second)(key, v);
    const bool scalar = !v.is(Kind::list) && !v.is(Kind::map);
    const ForeignKey* foreign = find_foreign_key(key);
    if (table_.has(key) && (foreign == nullptr || foreign->neutral != nullptr)) {
      if (scalar) return set(key, v.text, key, v);
      return note_key(Fate::impossible, key, v, "expected one value, not a list or a map");
    }
    if (foreign != nullptr) return import_foreign(key, v, *foreign);
    note_key(Fate::impossible, key, v, unknown(key));
  }

  std::string unknown(const std::string& key) const {
    const bool other = is_grpo() ? SftTable().has(key) : GrpoTable().has(key);
    if (other) return fmt::format("a key of r1 {}, not of r1 {}", is_grpo() ? "sft" : "grpo", out_.kind);
    std::vector<std::string> names;
    for (const auto& [name, value] : table_.values()) names.push_back(name);
    return fmt::format("no key of r1 {} and none of TRL's that is known; nearest is \"{}\"", out_.kind,
                       nearest_name(key, names));
  }
  static OptionTable SftTable() {
    static SftOptions options;
    OptionTable table;
    options.declare(table);
    return table;
  }
  static OptionTable GrpoTable() {
    static GrpoOptions options;
    OptionTable table;
    options.declare(table);
    return table;
  }

  void import_foreign(const std::string& key, const YamlValue& v, const ForeignKey& foreign) {
    bool harmless = foreign.neutral == nullptr;
    if (!harmless) {
      const std::string all = fmt::format("|{}|", foreign.neutral);
      const bool empty = (v.is(Kind::list) && v.items.empty()) || (v.is(Kind::map) && v.members.empty());
      harmless = empty || (!v.is(Kind::list) && !v.is(Kind::map) && all.find("|" + v.text + "|") != std::string::npos);
    }
    note_key(harmless ? Fate::ignored : Fate::impossible, key, v, foreign.why);
  }

  // ---- keys whose values need reading

  static const std::map<std::string, Handler>& handlers_() {
    static const std::map<std::string, Handler> all = {{"lr_scheduler_kwargs", &Importer::scheduler_arguments},
                                                       {"lr_scheduler_type_kwargs", &Importer::scheduler_arguments},
                                                       {"scale_rewards", &Importer::scale_rewards},
                                                       {"steps_per_generation", &Importer::steps_per_generation},
                                                       {"warmup_steps", &Importer::warmup_steps},
                                                       {"save_steps", &Importer::save_steps},
                                                       {"save_strategy", &Importer::save_strategy},
                                                       {"eval_steps", &Importer::eval_steps},
                                                       {"logging_steps", &Importer::logging_steps},
                                                       {"top_k", &Importer::top_k},
                                                       {"max_seq_length", &Importer::max_seq_length},
                                                       {"lora_target_modules", &Importer::lora_target_modules},
                                                       {"lora_dropout", &Importer::lora_dropout},
                                                       {"num_completions_to_print", &Importer::num_completions},
                                                       {"soft_punish_cache", &Importer::soft_punish_cache},
                                                       {"max_completion_len", &Importer::max_completion_len},
                                                       {"reward_funcs", &Importer::later},
                                                       {"reward_weights", &Importer::later},
                                                       {"dataset_mixture", &Importer::dataset_mixture},
                                                       {"datasets", &Importer::datasets},
                                                       {"shuffle_dataset", &Importer::shuffle_dataset},
                                                       {"use_peft", &Importer::plain},
                                                       {"chat_template_kwargs", &Importer::chat_template_kwargs}};
    return all;
  }

  void later(const std::string&, const YamlValue&) {}
  void plain(const std::string& key, const YamlValue& v) { set(key, v.text, key, v); }

  void scheduler_arguments(const std::string& key, const YamlValue& v) {
    if (!v.is(Kind::map)) return note_key(Fate::impossible, key, v, "expected a map");
    for (const auto& [name, value] : v.members) {
      const std::string path = key + "." + name;
      const YamlValue* rate = at("learning_rate");
      const double floor = number_of(value.text).value_or(-1);
      const double peak = rate != nullptr ? number_of(rate->text).value_or(0) : 0;
      if (name == "min_lr_rate")
        set("min_lr_rate", value.text, path, value);
      else if (name == "min_lr" && floor >= 0 && peak > 0)
        set("min_lr_rate", exact_double(floor / peak), path, value);
      else if (name == "num_cycles" && (value.text == "0.5" || value.text == "1" || value.text == "1.0"))
        note_key(Fate::ignored, path, value, "one fall from peak to floor is what is done");
      else
        note_key(Fate::impossible, path, value, "schedules have min_lr_rate alone");
    }
  }
  void scale_rewards(const std::string& key, const YamlValue& v) {
    set("scale_rewards", v.text == "true" ? "group" : v.text == "false" ? "none" : v.text, key, v);
  }
  void steps_per_generation(const std::string& key, const YamlValue& v) {
    const int64_t steps = static_cast<int64_t>(number_of(v.text).value_or(0));
    const int64_t rows = integer_at("per_device_train_batch_size", 8) * options_.num_processes;
    // TRL's rollout is steps x rows a process; ours is generation_batch_size
    set("generation_batch_size", std::to_string(steps * rows), key, v);
  }
  void warmup_steps(const std::string& key, const YamlValue& v) {
    const double steps = number_of(v.text).value_or(0);
    set(steps > 0 && steps < 1 ? "warmup_ratio" : "warmup_steps", v.text, key, v);
  }
  void save_steps(const std::string& key, const YamlValue& v) {
    const YamlValue* strategy = at("save_strategy");
    const double steps = number_of(v.text).value_or(0);
    if (strategy != nullptr && strategy->text != "steps")
      return note_key(Fate::ignored, key, v, "save_strategy says otherwise");
    if (steps > 0 && steps < 1) return note_key(Fate::ignored, key, v, "a share of all steps; save_steps takes steps");
    set("save_steps", v.text, key, v);
  }
  void save_strategy(const std::string& key, const YamlValue& v) {
    if (v.text == "no" || v.text == "false") return set("save_steps", "0", key, v);
    note_key(Fate::ignored, key, v,
             v.text == "steps" ? "save_steps says when" : "checkpoints come every save_steps steps");
  }
  void eval_steps(const std::string& key, const YamlValue& v) {
    const YamlValue* strategy = at("eval_strategy") != nullptr ? at("eval_strategy") : at("evaluation_strategy");
    const bool asked = strategy != nullptr && strategy->text == "steps" && is_grpo();
    if (!asked || number_of(v.text).value_or(0) < 1)
      return note_key(Fate::ignored, key, v, "r1 eval evaluates; while training: eval_steps and held_out_fraction");
    set("eval_steps", v.text, key, v);
    out_.notes.push_back(
        "eval_steps looks at the questions that held_out_fraction keeps back; it is 0 here, so they "
        "would be the training rows: set it");
  }
  void logging_steps(const std::string& key, const YamlValue& v) {
    if (number_of(v.text).value_or(0) < 1) return note_key(Fate::ignored, key, v, "a share of all steps");
    set("logging_steps", v.text, key, v);
  }
  void top_k(const std::string& key, const YamlValue& v) { set("top_k", v.text == "-1" ? "0" : v.text, key, v); }
  void max_seq_length(const std::string& key, const YamlValue& v) {
    if (is_grpo()) return note_key(Fate::ignored, key, v, "max_completion_length bounds what is sampled");
    set("max_length", v.text, key, v);
  }
  void chat_template_kwargs(const std::string& key, const YamlValue& v) {
    if (v.is(Kind::null)) return note_key(Fate::ignored, key, v, "none are given");
    if (!v.is(Kind::map)) return note_key(Fate::impossible, key, v, "expected a map");
    set(key, json_of(v).dump(), key, v);
  }
  void lora_target_modules(const std::string& key, const YamlValue& v) {
    std::string all;
    for (const std::string& one : texts_of(v)) all += (all.empty() ? "" : ",") + one;
    set("lora_target_modules", all, key, v);
  }
  void lora_dropout(const std::string& key, const YamlValue& v) {
    if (number_of(v.text) == 0.0) return set("lora_dropout", v.text, key, v);
    const YamlValue* peft = at("use_peft");
    const bool used = peft != nullptr && peft->text == "true";
    note_key(used ? Fate::impossible : Fate::ignored, key, v,
             used ? "0 is used: with dropout the policy that is trained is not the one that samples"
                  : "no adapter is trained");
  }
  void num_completions(const std::string& key, const YamlValue& v) {
    if (!is_grpo()) return note_key(Fate::ignored, key, v, "SFT samples nothing");
    set("num_completions_to_log", v.text, key, v);
  }
  void soft_punish_cache(const std::string& key, const YamlValue& v) {
    if (!is_grpo()) return note_key(Fate::ignored, key, v, "SFT has no rewards");
    set("soft_overlong_cache", v.text, key, v);
  }
  void max_completion_len(const std::string& key, const YamlValue& v) {
    const YamlValue* limit = at("max_completion_length");
    const bool same = limit != nullptr && limit->text == v.text;
    note_key(same || !uses_length() ? Fate::ignored : Fate::impossible, key, v,
             "the length reward's limit is max_completion_length");
  }
  void shuffle_dataset(const std::string& key, const YamlValue& v) {
    if (!is_grpo())
      return note_key(Fate::ignored, key, v,
                      "TRL's SFT draws rows in a new order every epoch all the same, and so does this");
    set(key, v.text, key, v);
  }

  bool uses_length() const {
    if (const YamlValue* functions = at("reward_funcs"))
      for (const std::string& one : texts_of(*functions))
        if (reward_counterpart(one) == "length") return true;
    return false;
  }

  // open-r1: a share of each data set, drawn by a seed.
  void dataset_mixture(const std::string& key, const YamlValue& v) {
    const YamlValue* sets = v.find("datasets");
    if (sets == nullptr || !sets->is(Kind::list)) return note_key(Fate::impossible, key, v, "has no list of datasets");
    if (const YamlValue* seed = v.find("seed"); seed != nullptr && !seed->is(Kind::null))
      set("mixture_seed", seed->text, key + ".seed", *seed);
    for (const auto& [name, value] : v.members) {
      if (name == "datasets" || name == "seed" || value.is(Kind::null)) continue;
      if (name == "test_split_size" && number_of(value.text).value_or(1) < 1)
        set("held_out_fraction", value.text, key + "." + name, value);
      else
        note_key(Fate::impossible, key + "." + name, value, "a mixture has data sets, a seed and a share held out");
    }
    mixture(key, *sets, "id", "weight");
  }
  // TRL: the same with other names.
  void datasets(const std::string& key, const YamlValue& v) {
    if (!v.is(Kind::list)) return note_key(Fate::impossible, key, v, "expected a list");
    mixture(key, v, "path", "fraction");
  }
  void mixture(const std::string& key, const YamlValue& sets, const char* id, const char* share) {
    std::string data;
    for (const YamlValue& one : sets.items) {
      const YamlValue* path = one.find(id);
      if (path == nullptr || path->text.empty())
        return note_key(Fate::impossible, key, sets, fmt::format("a data set in it has no {}", id));
      data += (data.empty() ? "" : ",") + path->text;
      for (const auto& [name, value] : one.members)
        if (name != id && name != share && !value.is(Kind::null))
          note_key(name == "split" && value.text == "train" ? Fate::ignored : Fate::impossible, key + "." + name, value,
                   fmt::format("of {}: files are read whole, columns are found by their names", path->text));
      const YamlValue* weight = one.find(share);
      const std::optional<double> part = weight != nullptr ? number_of(weight->text) : std::nullopt;
      if (part && !(*part > 0 && *part <= 1))
        return note_key(Fate::impossible, key, sets,
                        fmt::format("{} {} is no share: expected above 0 up to 1", share, weight->text));
      if (part && *part < 1) data += "?share=" + weight->text;
    }
    set("data", data, key, sets);
  }

  // ---- what several keys say together

  int64_t integer_at(const char* key, int64_t otherwise) const {
    const YamlValue* v = at(key);
    return v == nullptr ? otherwise : static_cast<int64_t>(number_of(v->text).value_or(static_cast<double>(otherwise)));
  }

  static bool is_reward(const std::string& name) {
    if (const size_t colon = name.find(':'); colon != std::string::npos)  // a user's own: nothing is run for an import
      return std::any_of(reward_names().begin(), reward_names().end(),
                         [&](const std::string& known) { return known.starts_with(name.substr(0, colon + 1)); });
    try {
      make_reward(name, {.max_completion_length = 1024});
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  void import_rewards() {
    const YamlValue *functions = at("reward_funcs"), *weights = at("reward_weights");
    if (!is_grpo()) {
      for (const char* key : {"reward_funcs", "reward_weights"})
        if (at(key) != nullptr) note_key(Fate::ignored, key, *at(key), "SFT has no rewards");
      return;
    }
    std::vector<std::string> names = {"accuracy", "format", "tag_count"};  // open-r1's default
    YamlValue none;
    if (functions != nullptr && !functions->is(Kind::null))
      names = texts_of(*functions);
    else
      out_.notes.push_back("reward_funcs is not given; open-r1's default is accuracy, format and tag_count");
    const YamlValue& given = functions != nullptr ? *functions : none;
    const std::vector<std::string> shares = weights != nullptr ? texts_of(*weights) : std::vector<std::string>{};
    if (weights != nullptr && !shares.empty() && shares.size() != names.size()) {
      note_key(Fate::impossible, "reward_weights", *weights,
               fmt::format("{} weights for {} rewards", shares.size(), names.size()));
      return;
    }
    std::string spec;
    for (size_t i = 0; i < names.size(); i++)
      spec += (i > 0 ? "+" : "") + reward_part(names[i], given) + weight_part(shares, i);
    table_.set("reward", spec);
    from_["reward"] = {functions != nullptr ? "reward_funcs" : "open-r1's default", given.line};
    if (weights != nullptr) note_key(Fate::mapped, "reward_weights", *weights, "reward");
  }

  std::string reward_part(const std::string& theirs, const YamlValue& given) {
    YamlValue one = given;
    one.kind = Kind::text;
    one.text = theirs;
    one.items.clear();
    std::string ours = reward_counterpart(theirs);
    if (ours.empty()) ours = theirs;
    if (is_reward(ours))
      note_key(Fate::mapped, "reward_funcs", one, "reward " + ours);
    else
      note_key(Fate::impossible, "reward_funcs", one,
               fmt::format("there is no reward {}; it stays in `reward` by name, so that training refuses it: take it "
                           "out or write it as a program (exec:COMMAND)",
                           ours));
    return ours;
  }
  static std::string weight_part(const std::vector<std::string>& weights, size_t i) {
    if (weights.empty() || number_of(weights[i]) == 1.0) return "";
    return "*" + weights[i];
  }

  void import_processes() {
    if (options_.num_processes == 1) return;
    const int64_t steps = integer_at("gradient_accumulation_steps", 1) * options_.num_processes;
    table_.set("gradient_accumulation_steps", std::to_string(steps));
    from_["gradient_accumulation_steps"] = {
        fmt::format("gradient_accumulation_steps x {} processes", options_.num_processes), 0};
  }

  // TRL's defaults that are not ours, then whether the trainer would take the recipe.
  void check() {
    const KeyValues defaults = is_grpo() ? preset_values("trl-1.10") : sft_defaults();
    for (const auto& [key, value] : defaults) {
      if (from_.contains(key)) continue;
      table_.set(key, value);
      if (!is_grpo()) from_[key] = {"TRL's default", 0};
    }
    if (is_grpo()) table_.set("preset", "trl-1.10");
    try {
      is_grpo() ? check_alone(grpo_) : check_alone(sft_);
    } catch (const UsageError& e) {
      std::string why = e.what();
      if (why.find("does not divide") != std::string::npos)
        why +=
            "; TRL counts the batch of all processes: give --num-processes N as it was launched, or set "
            "gradient_accumulation_steps";
      out_.notes.push_back(fmt::format("r1 {} will refuse this: {}", out_.kind, why));
    }
  }
  template <typename Options>
  static void check_alone(Options o) {
    if (o.model.empty()) o.model = "given later";
    if (o.out.empty()) o.out = "given later";
    o.check();
  }
  static KeyValues sft_defaults() {
    return {{"num_train_epochs", "3"}, {"per_device_train_batch_size", "8"},
            {"learning_rate", "2e-5"}, {"lr_scheduler_type", "linear"},
            {"max_length", "1024"},    {"assistant_only_loss", "false"},
            {"save_steps", "500"},     {"logging_steps", "10"}};
  }

  std::string write() const {
    std::string out = fmt::format("# Imported from {}: r1 {} takes it.\n", name_, out_.kind);
    if (is_grpo()) out += "preset = \"trl-1.10\" # TRL's defaults where nothing is said\n";
    for (const auto& [key, toml] : table_.values()) {
      const auto it = from_.find(key);
      if (it == from_.end()) continue;
      out += fmt::format("{} = {} # {}", key, toml, it->second.first);
      if (it->second.second > 0) out += fmt::format(", line {}", it->second.second);
      out += "\n";
    }
    for (const Fate fate : {Fate::impossible, Fate::ignored})
      for (const ImportedKey& k : out_.keys)
        if (k.fate == fate)
          out += fmt::format("# {}: {} = {} (line {}): {}\n", fate_name(fate), k.key, one_line(k.value), k.line,
                             one_line(k.what));
    for (const std::string& note : out_.notes) out += fmt::format("# note: {}\n", one_line(note));
    return out;
  }
  static std::string one_line(std::string text) {  // a comment holds no control characters
    for (char& c : text)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    return text;
  }

  const YamlDocument& yaml_;
  std::string name_;
  ImportOptions options_;
  ImportedRecipe out_;
  GrpoOptions grpo_;
  SftOptions sft_;
  OptionTable table_;
  std::map<std::string, std::pair<std::string, uint32_t>> from_;  // our key: their key and line
};

}  // namespace

const char* fate_name(Fate fate) {
  return fate == Fate::mapped ? "mapped" : fate == Fate::ignored ? "ignored" : "impossible";
}

ImportedRecipe import_recipe(const YamlDocument& yaml, const std::string& name, const ImportOptions& options) {
  if (!yaml.root.is(Kind::map)) fail_usage("{}: holds no keys; expected a recipe of TRL or open-r1", name);
  if (yaml.root.find("compute_environment") != nullptr || yaml.root.find("deepspeed_config") != nullptr)
    fail_usage("{}: a launch file of accelerate; give the recipe itself", name);
  if (options.num_processes < 1 || options.num_processes > 100000)
    fail_usage("--num-processes {}: expected 1 to 100000", options.num_processes);
  return Importer(yaml, name, options).run();
}

}  // namespace r1
