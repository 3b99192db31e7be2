#include "pipeline/stage_graph.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/nearest.h"
#include "base/openai_client.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

std::string last_value(const KeyValues& values, const std::string& key) {
  std::string out;
  for (const auto& [k, value] : values)
    if (canonical_key(k) == key) out = value;
  return out;
}

bool is_stage_name(const std::string& name) {
  return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
                              std::string::npos;
}

// The references {NAME}, {NAME.model}, {NAME.data} of a value; other braces are text.
struct Reference {
  size_t begin, end;  // of the braces and what is between them
  std::string stage, part;
};
std::vector<Reference> references_in(const std::string& value) {
  std::vector<Reference> out;
  for (size_t at = value.find('{'); at != std::string::npos; at = value.find('{', at + 1)) {
    const size_t end = value.find('}', at);
    if (end == std::string::npos) break;
    const std::string inside = value.substr(at + 1, end - at - 1);
    const size_t dot = inside.find('.');
    const std::string part = dot == std::string::npos ? "" : inside.substr(dot + 1);
    if (!is_stage_name(inside.substr(0, dot)) || (dot != std::string::npos && part != "model" && part != "data"))
      continue;
    out.push_back({at, end + 1, inside.substr(0, dot), part});
  }
  return out;
}

std::string replaced(const std::string& value, const Resolve& resolve, const StageGraph& graph) {
  std::string out;
  size_t from = 0;
  for (const Reference& r : references_in(value)) {
    const bool shared_data = r.stage == "data" && r.part.empty() && !graph.shared_data().empty();
    if (!shared_data && graph.index_of(r.stage) == graph.stages().size()) continue;  // braces of another meaning
    out += value.substr(from, r.begin - from) + (shared_data ? graph.shared_data() : resolve(r.stage, r.part));
    from = r.end;
  }
  return out + value.substr(from);
}

}  // namespace

std::string canonical_key(const std::string& key) {
  return key == "output_dir" ? "out" : key == "model_name_or_path" ? "model" : key == "dataset_name" ? "data" : key;
}

void StageEval::declare(OptionTable& t) {
  t.begin_group("evaluation after a stage");
  t.add("pipeline_eval", &on, "whether the stage's model is asked held-out items");
  t.add("pipeline_eval_data", &data, "held-out items after every stage; empty: the recipe's data, else the stage's");
  t.add("pipeline_eval_reward", &reward, "what tells right from wrong");
  t.add("pipeline_eval_general_data", &general_data, "more held-out items, without reasoning; empty: none");
  t.add("pipeline_eval_general_reward", &general_reward, "what tells good from bad among those");
  t.add("pipeline_eval_general_rows", &general_rows, "how many of those; 0: pipeline_eval_rows");
  t.add("pipeline_eval_against", &against,
        "the stage whose general answers are compared with these, pair by pair; empty: the one it begins with");
  t.add("pipeline_eval_rows", &rows, "how many");
  t.add("pipeline_eval_generations", &generations, "answers to each; more than one gives pass@k too");
  t.add("pipeline_eval_samples", &shown, "shown at the end");
  t.add("pipeline_eval_temperature", &temperature, "0: arg-max; 1: the policy as GRPO trains it");
  t.add("pipeline_eval_max_length", &max_length, "tokens of an answer");
}

void StageEval::check() const {
  if (rows < 1) fail_usage("pipeline_eval_rows is {}, expected at least 1", rows);
  if (general_rows < 0) fail_usage("pipeline_eval_general_rows is {}, expected at least 0", general_rows);
  if (shown < 0) fail_usage("pipeline_eval_samples is {}, expected at least 0", shown);
  if (!(temperature >= 0)) fail_usage("pipeline_eval_temperature is {}, expected at least 0", temperature);
  if (generations < 1 || generations > 1024)
    fail_usage("pipeline_eval_generations is {}, expected 1 to 1024", generations);
  if (max_length < 1 || max_length >= 1 << 20)
    fail_usage("pipeline_eval_max_length is {}, expected 1 to {}", max_length, (1 << 20) - 1);
}

StageGraph::StageGraph(const PipelineRecipe& recipe) : r_(recipe) {
  KeyValues all = r_.shared;
  all.insert(all.end(), r_.given.begin(), r_.given.end());
  out_ = last_value(all, "out");
  model_ = last_value(all, "model");
  shared_data_ = last_value(all, "data");
  if (out_.empty()) fail_usage("no folder for the pipeline given: --out DIR, or out in the recipe");
  if (r_.stages.empty()) fail_usage("{}: has no stages: a table [sft] or [grpo] each", r_.name);
  try {
    for (const auto& table : r_.stages) stages_.push_back(read_stage(table));
    check_shared(r_.shared);
    for (size_t i = 0; i < stages_.size(); i++) link(i);
  } catch (const UsageError& e) {
    fail_usage("{}: {}", r_.name, e.what());
  }
  give_stages_their_keys();
  check_shared(r_.given);
  for (size_t i = 0; i < stages_.size(); i++) {
    read_eval(stages_[i]);
    find_opponent(i);
  }
  for (const std::string* asked : {&r_.from, &r_.until})
    if (!asked->empty()) (void)stage(*asked);
  for (const RecipeStage& s : stages_) {
    const std::unique_ptr<StageRun> run = make(s);
    if (run->needs_data() && run->data().data.empty())
      fail_usage("{}: stage [{}]: no data given: a key data, or --set data=F", r_.name, s.name);
  }
}

RecipeStage StageGraph::read_stage(const std::pair<std::string, KeyValues>& table) {
  RecipeStage s;
  s.name = table.first;
  if (!is_stage_name(s.name))
    fail_usage("stage [{}]: expected a name of letters, digits, - and _: it is a folder too", s.name);
  std::string kind = s.name;
  for (const auto& [key, value] : table.second)
    if (key == "stage") kind = value;
  s.kind = find_stage_kind(kind);
  if (s.kind == nullptr) {
    std::vector<std::string> names;
    for (const StageKind& k : stage_kinds()) names.push_back(k.name);
    fail_usage("stage [{}]: \"{}\" is no stage; expected one of {} (as the table's name, or its key `stage`)", s.name,
               kind, fmt::join(names, ", "));
  }
  read_own_keys(s, table.second);
  if (s.name == "base" && (s.kind->name != "eval" || !(s.from.empty() || s.from == "base")))
    fail_usage("stage [base]: base is the pipeline's own model; a stage of that name can only be an eval of it");
  return s;
}

void StageGraph::read_own_keys(RecipeStage& s, const KeyValues& table) {
  for (const auto& [key, value] : table) {
    if (canonical_key(key) == "out")
      fail_usage("stage [{}]: has a key {}; a stage's folder is the pipeline's out with stages/ and its name", s.name,
                 key);
    if (key == "stage") continue;
    if (key == "from")
      s.from = value;
    else if (key == "gate")
      s.gate = value;
    else
      s.own.push_back({key, value});
  }
}

// What it begins with and what it reads; all of it stands before it.
void StageGraph::link(size_t index) {
  RecipeStage& s = stages_[index];
  const auto earlier = [&](const std::string& name, const std::string& where) -> const RecipeStage& {
    std::vector<std::string> names;
    for (size_t i = 0; i < index; i++) {
      if (stages_[i].name == name) return stages_[i];
      names.push_back(stages_[i].name);
    }
    const std::string near = nearest_name(name, names);
    fail_usage("stage [{}]: {} names {}, which is no stage before it{}", s.name, where, name,
               near.empty() ? "" : fmt::format("; nearest is \"{}\"", near));
  };
  for (size_t i = 0; i < index; i++)
    if (stages_[i].name == s.name) fail_usage("stage [{}]: is there twice", s.name);
  if (s.from.empty()) {
    for (size_t i = 0; i < index; i++)
      if (stages_[i].kind->makes_model && !stages_[i].kind->scores) s.from = stages_[i].name;
  } else if (s.from == "base") {
    s.from.clear();
  } else if (const RecipeStage& f = earlier(s.from, "from"); !f.kind->makes_model) {
    fail_usage("stage [{}]: from names {}, which makes no model", s.name, f.name);
  }
  if (!s.from.empty()) s.needs.push_back(s.from);
  for (const auto& [key, value] : s.own)
    for (const Reference& r : references_in(value)) {
      if (r.part.empty() && index_of(r.stage) == stages_.size()) continue;  // braces of another meaning
      const RecipeStage& other = earlier(r.stage, key);
      if (r.part == "model" && !other.kind->makes_model)
        fail_usage("stage [{}]: {}: {} makes no model", s.name, key, r.stage);
      if (r.part == "data" && !other.kind->makes_data)
        fail_usage("stage [{}]: {}: {} makes no data", s.name, key, r.stage);
      if (std::find(s.needs.begin(), s.needs.end(), r.stage) == s.needs.end()) s.needs.push_back(r.stage);
    }
}

void StageGraph::give_stages_their_keys() {
  for (const auto& [key, value] : r_.given) {
    const size_t dot = key.find('.');
    if (dot == std::string::npos) continue;
    const std::string name = key.substr(0, dot), rest = key.substr(dot + 1);
    if (index_of(name) == stages_.size()) {
      std::vector<std::string> names;
      for (const RecipeStage& s : stages_) names.push_back(s.name);
      fail_usage("--set {}: {} has no stage \"{}\"; nearest is \"{}\"", key, r_.name, name, nearest_name(name, names));
    }
    RecipeStage& s = stages_[index_of(name)];
    if (canonical_key(rest) == "out") fail_usage("--set {}: a stage's folder is the pipeline's", key);
    if (rest == "stage" || rest == "from") fail_usage("--set {}: the graph is the recipe's; change it there", key);
    if (rest == "gate")
      s.gate = value;
    else
      s.given.push_back({rest, value});
  }
}

// Shared keys have to be known to some kind of stage or to the pipeline; an unknown one throws, naming the nearest.
void StageGraph::check_shared(const KeyValues& values) const {
  std::vector<std::unique_ptr<StageRun>> kinds;
  for (const StageKind& kind : stage_kinds()) kinds.push_back(make_stage_run(kind.name));
  StageEval eval;
  OptionTable own;
  eval.declare(own);
  for (const auto& [key, value] : values) {
    if (key.find('.') != std::string::npos) continue;  // a stage's
    if (own.has(key)) {
      own.set(key, value);
      continue;
    }
    bool known = false;
    std::vector<std::string> names;
    for (const auto& run : kinds) {
      known = known || run->table().has(key);
      for (const auto& [name, ignored] : run->table().values()) names.push_back(name);
    }
    if (known) continue;
    for (const auto& [name, ignored] : own.values()) names.push_back(name);
    fail_usage("unknown key \"{}\"; nearest is \"{}\"", key, nearest_name(key, names));
  }
  eval.check();
}

void StageGraph::read_eval(RecipeStage& s) const {
  OptionTable table;
  s.eval.declare(table);
  const auto take = [&](const KeyValues& values) {
    for (const auto& [key, value] : values)
      if (table.has(key)) table.set(key, value);
  };
  take(r_.shared);
  take(s.own);
  take(r_.given);
  take(s.given);
  const auto is_eval = [&](const auto& pair) { return table.has(pair.first); };
  std::erase_if(s.own, is_eval);
  std::erase_if(s.given, is_eval);
  if (s.eval.data.empty()) s.eval.data = shared_data_;
  try {
    s.eval.check();
  } catch (const UsageError& e) {
    fail_usage("stage [{}]: {}", s.name, e.what());
  }
}

// Whose answers a stage's are compared with: an evaluated one before it.
void StageGraph::find_opponent(size_t index) {
  RecipeStage& s = stages_[index];
  const auto plays = [](const RecipeStage& one) {
    return one.kind->evaluated && one.eval.on && !one.eval.general_data.empty();
  };
  std::string& against = s.eval.against;
  if (!plays(s)) {
    against.clear();
    return;
  }
  if (!against.empty()) {
    const size_t other = index_of(against);
    if (other >= index || !plays(stages_[other]))
      fail_usage(
          "stage [{}]: pipeline_eval_against names {}, which is no stage before it that answers general questions",
          s.name, against);
    return;
  }
  for (size_t i = 0; i < index; i++) {
    const RecipeStage& other = stages_[i];
    const std::string model = other.kind->makes_model ? other.name : other.from;  // that it was asked with
    if (plays(other) && model == s.from && (other.kind->makes_model || s.kind->makes_model)) against = other.name;
  }
}

const RecipeStage& StageGraph::stage(const std::string& name) const {
  const size_t i = index_of(name);
  if (i < stages_.size()) return stages_[i];
  std::vector<std::string> names;
  for (const RecipeStage& s : stages_) names.push_back(s.name);
  fail_usage("{}: has no stage \"{}\"; nearest is \"{}\"", r_.name, name, nearest_name(name, names));
}

size_t StageGraph::index_of(const std::string& name) const {
  size_t i = 0;
  while (i < stages_.size() && stages_[i].name != name) i++;
  return i;
}

std::string StageGraph::folder_of(const std::string& stage) const {
  return (fs::path(out_) / "stages" / stage).string();
}

std::string StageGraph::model_of(const std::string& stage) const {
  if (stage.empty()) return model_;
  return (fs::path(folder_of(stage)) / "model").string();
}

std::string StageGraph::policy_of(const RecipeStage& stage) const {
  if (stage.kind->makes_model) return model_of(stage.name);
  const std::string model = make(stage)->begins_with();
  return is_openai_address(model) ? model_of(stage.from) : model;
}

std::string StageGraph::path_of(const std::string& stage, const std::string& part) const {
  if (part == "model") return model_of(stage);
  const std::string folder = folder_of(stage);
  return part == "data" ? folder + "/accepted.jsonl" : folder;
}

std::unique_ptr<StageRun> StageGraph::make(const RecipeStage& stage) const {
  return make(stage, [this](const std::string& s, const std::string& part) { return path_of(s, part); }, true);
}

// Lowest first: the recipe's shared keys that the stage knows, its own, the command line's, the same way. `model` is
// what it begins with unless its own keys name another; `data` of the command line stands for the recipe's, so a stage
// that names its own keeps that.
std::unique_ptr<StageRun> StageGraph::make(const RecipeStage& s, const Resolve& resolve, bool checked) const {
  std::unique_ptr<StageRun> run = make_stage_run(s.kind->name);
  KeyValues values;
  const auto add_known = [&](const KeyValues& shared) {
    for (const auto& [key, value] : shared)
      if (run->table().has(key) && canonical_key(key) != "model" && canonical_key(key) != "out")
        values.push_back({key, replaced(value, resolve, *this)});
  };
  const auto add_all = [&](const KeyValues& own) {
    for (const auto& [key, value] : own) values.push_back({key, replaced(value, resolve, *this)});
  };
  add_known(r_.shared);
  values.push_back({"model", resolve(s.from, "model")});
  values.push_back({"out", folder_of(s.name)});
  add_all(s.own);
  try {
    make_stage_run(s.kind->name)->table().set_all(values);  // so that an error in the recipe names it
  } catch (const UsageError& e) {
    fail_usage("{}: stage [{}]: {}", r_.name, s.name, e.what());
  }
  KeyValues given = r_.given;
  if (!last_value(s.own, "data").empty())
    std::erase_if(given, [](const auto& pair) { return canonical_key(pair.first) == "data"; });
  add_known(given);
  add_all(s.given);
  try {
    run->set(values);
    if (checked) run->check();
  } catch (const UsageError& e) {
    fail_usage("stage [{}]: {}", s.name, e.what());
  }
  return run;
}

std::string StageGraph::keys_help() {
  StageEval eval;
  OptionTable table;
  eval.declare(table);
  return table.help();
}

}  // namespace r1
