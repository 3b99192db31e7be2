#include "train/distill.h"

#include <algorithm>
#include <filesystem>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/log.h"
#include "base/threads.h"
#include "formats/model_path.h"
#include "model/parameters.h"
#include "runs/run_folder.h"
#include "train/checkpoint.h"
#include "train/memory_plan.h"
#include "train/policy.h"
#include "train/rejection.h"
#include "train/sft.h"

namespace r1 {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

void StudentShape::declare(OptionTable& t) {
  t.add("student_config", &config, "folder or config.json a new student is made from; empty: the teacher's");
  t.add("student_layers", &layers, "num_hidden_layers of a new student; 0: as there");
  t.add("student_hidden", &hidden, "hidden_size");
  t.add("student_intermediate", &intermediate, "intermediate_size");
  t.add("student_heads", &heads, "num_attention_heads");
  t.add("student_kv_heads", &kv_heads, "num_key_value_heads");
  t.add("student_head_dim", &head_dim, "head_dim");
}

bool StudentShape::given() const {
  return !config.empty() || layers + hidden + intermediate + heads + kv_heads + head_dim > 0;
}

DistillOptions::DistillOptions() {
  reward = "none";
  learning_rate = 5e-5;
  lr_scheduler_type = "cosine";
  min_lr_rate = 0.1;
  num_generations = 4;
}

void DistillOptions::declare(OptionTable& t) {
  GrpoOptions::declare(t);
  t.begin_group("distill");
  t.add_choice("distill_method", &distill_method, {"sft", "on_policy"},
               "from the teacher's texts, or from its log-probs of the student's own");
  t.add("teacher", &teacher, "a model as of --model; sft: or http://HOST/v1#MODEL, an OpenAI-compatible server");
  student.declare(t);
  t.add("traces", &traces, "sft: rows the teacher wrote; empty: it is asked for them first, into OUT/traces");
  t.add("traces_per_prompt", &traces_per_prompt, "sft: samples of num_generations that are kept");
  t.add("traces_reward", &traces_reward, "sft: what the teacher's samples have to pass; none: nothing");
  t.add("max_length", &max_length, "sft: tokens; longer rows are cut at the end");
  t.add("reward_coef", &reward_coef, "on_policy: times the rewards' advantages, beside the teacher's");
  remote.declare(t);
}

void DistillOptions::check() const {
  DistillOptions with_student = *this;
  if (student.given()) {
    if (!model.empty()) fail_usage("model and student_* are both given; a student is one or the other");
    with_student.model = "student";
  }
  if (with_student.model.empty()) fail_usage("no student given: --model, or student_layers and the like for a new one");
  with_student.GrpoOptions::check();
  for (const int64_t size :
       {student.layers, student.hidden, student.intermediate, student.heads, student.kv_heads, student.head_dim})
    if (size < 0 || size > 1 << 20)
      fail_usage("a size of the student (student_*) is {}, expected 0 to {}", size, 1 << 20);
  remote.check();
  if (is_openai_address(teacher)) check_remote();
  if (distill_method == "on_policy") {
    if (teacher.empty()) fail_usage("distill_method=on_policy needs teacher, a model whose log-probs are asked");
    if (!traces.empty()) fail_usage("traces go with distill_method=sft; on_policy learns from the student's own texts");
    if (advantage != "outcome" || blame != "all")
      fail_usage("advantage and blame with distill_method=on_policy: the teacher judges every token");
    if (rollout_dtype == "int8")
      fail_usage("rollout_dtype=int8 with distill_method=on_policy: the student's own log-probs are needed");
    return;
  }
  if (teacher.empty() && traces.empty())
    fail_usage("give teacher, a model to be asked, or traces, a file of what it wrote");
  if (teacher.empty() && student.given() && student.config.empty())
    fail_usage("a new student needs teacher or student_config, whose configuration and tokenizer it takes");
  if (max_length < 2) fail_usage("max_length is {}, expected at least 2", max_length);
  if (traces_per_prompt < 1) fail_usage("traces_per_prompt is {}, expected at least 1", traces_per_prompt);
}

void DistillOptions::check_remote() const {
  const std::string url = parse_openai_address(teacher).url;
  if (distill_method == "on_policy")
    fail_usage(
        "distill_method=on_policy needs the teacher's log-probs of the student's own tokens, which a server such as {} "
        "does not give; distill_method=sft learns from its texts, or give the teacher as a model's files",
        url);
  if (top_k != 0 || min_p != 0) fail_usage("top_k and min_p are not part of what {} can be asked; leave them out", url);
  if (student.given() && student.config.empty())
    fail_usage("a new student of the teacher {} needs student_config: a server shows no configuration and no tokenizer",
               url);
  if (student.config.ends_with(".json"))
    fail_usage("student_config {} is a configuration alone; its tokenizer is not the server's to give: name a folder",
               student.config);
}

namespace {

// ---- a new student

// The files that a student's configuration and tokenizer come from.
ModelFiles student_source(const DistillOptions& o) {
  const std::string& from = o.student.config;
  if (from.empty()) return open_model_files(resolve_model(o.teacher));
  if (!fs::is_regular_file(from) || !from.ends_with(".json")) return open_model_files(resolve_model(from));
  if (o.teacher.empty()) fail_usage("student_config {} is a configuration alone; its tokenizer needs a teacher", from);
  ModelFiles files = open_model_files(resolve_model(o.teacher));
  files.config = Json::parse(read_text_file(from, 16 << 20), nullptr, false);
  if (!files.config.is_object()) fail("{}: is no JSON object", from);
  return files;
}

void reshape(const StudentShape& shape, Json& config) {
  const auto set = [&](const char* key, int64_t value) {
    if (value > 0) config[key] = value;
  };
  set("num_hidden_layers", shape.layers);
  set("hidden_size", shape.hidden);
  set("intermediate_size", shape.intermediate);
  set("num_attention_heads", shape.heads);
  set("num_key_value_heads", shape.kv_heads);
  set("head_dim", shape.head_dim);
  if (shape.layers > 0) config.erase("layer_types");  // a list of the old length; all layers attend to everything
}

// OUT/student: random weights by the seed, in float32.
std::string make_student(const DistillOptions& o, bool resume) {
  const fs::path folder = fs::path(o.out) / "student";
  if (resume && fs::exists(folder)) return folder.string();
  ModelFiles files = student_source(o);
  reshape(o.student, files.config);
  const ModelConfig config = read_config(files.config, files.generation_config, folder.string());
  if (config.width % config.heads != 0 && !files.config.contains("head_dim"))
    fail_usage("student_hidden {} is no multiple of its {} heads: give student_head_dim", config.width, config.heads);
  const ParameterLayout layout(config);
  const Tensor weights = random_parameters(layout, config, static_cast<uint64_t>(o.seed));
  write_folder_whole(folder, [&](const std::string& path) {
    write_hf_folder(path, files, named_tensors(layout, weights.as<float>()), DType::f32);
  });
  log_info("{}: a new student of {:.2f} M parameters", folder.string(), static_cast<double>(layout.total()) / 1e6);
  return folder.string();
}

// ---- from the teacher's texts

// OUT/traces: what the teacher answers to the data's prompts. False when interrupted.
bool ask_teacher(const DistillRun& run, const std::string& folder) {
  const DistillOptions& o = run.options;
  RejectRun ask;
  RejectOptions& r = ask.options;
  OptionTable table;
  r.declare(table);
  r.model = o.teacher;
  r.remote = o.remote;
  r.out = folder;
  r.prompt = o.prompt;
  r.data = o.data;
  r.seed = o.seed;
  r.num_generations = o.num_generations;
  r.max_completion_length = o.max_completion_length;
  r.temperature = o.temperature;
  r.top_p = o.top_p, r.min_p = o.min_p, r.top_k = o.top_k;
  r.reward = o.traces_reward;
  r.rewards = o.rewards;
  if (o.traces_reward == "none") r.filters = "none";
  r.keep_per_prompt = o.traces_per_prompt;
  r.compute_dtype = o.compute_dtype;
  r.threads = o.threads;
  r.max_active = o.max_active;
  r.memory_limit_gb = o.memory_limit_gb;
  ask.recipe = table.values();
  ask.recipe_toml = table.to_toml();
  ask.resume = run.resume;
  return run_reject(ask);
}

bool distill_by_sft(const DistillRun& run, const std::string& student) {
  const DistillOptions& o = run.options;
  std::string traces = o.traces;
  if (traces.empty()) {
    const fs::path folder = fs::path(o.out) / "traces";
    traces = (folder / "accepted.jsonl").string();
    if (!(run.resume && fs::exists(traces)) && !ask_teacher(run, folder.string())) return false;
    if (fs::file_size(traces) == 0)
      fail("{}: none of the teacher's samples was kept (summary.json beside it says why); there is nothing to learn",
           traces);
  }
  SftRun sft;
  static_cast<TrainingOptions&>(sft.options) = o;
  sft.options.model = student;
  sft.options.data = DataOptions();
  sft.options.data.data = traces;
  sft.options.max_length = o.max_length;
  sft.recipe = run.recipe;
  sft.recipe_toml = run.recipe_toml;
  sft.resume = run.resume;
  return run_sft(sft, {.verb = "distill"});
}

// ---- from its log-probs

std::string shown(const Tokenizer& tokenizer, TokenId id) {
  return Json(tokenizer.token_bytes(id)).dump(-1, ' ', true, Json::error_handler_t::replace);
}

// The teacher is asked about the student's very tokens.
void require_same_vocabulary(const ModelFiles& student, const ModelFiles& teacher) {
  const auto a = open_tokenizer(student), b = open_tokenizer(teacher);
  const char* way_out = "distill_method=on_policy needs one vocabulary for both; distill_method=sft goes by text";
  if (!a || !b) fail("{}: holds no tokenizer; {}", (a ? teacher : student).path, way_out);
  if (a->vocabulary_size() != b->vocabulary_size())
    fail("the student {} has {} tokens, the teacher {} {}; {}", student.path, a->vocabulary_size(), teacher.path,
         b->vocabulary_size(), way_out);
  for (TokenId id = 0; id < a->vocabulary_size(); id++)
    if (a->token_bytes(id) != b->token_bytes(id) || a->is_special(id) != b->is_special(id))
      fail("token {} is {} for the student {} and {} for the teacher {}; {}", id, shown(*a, id), student.path,
           shown(*b, id), teacher.path, way_out);
}

// Gives every token of a rollout the advantage log pi_teacher - log pi_student.
class Teacher {
 public:
  explicit Teacher(const DistillOptions& o)
      : o_(o),
        files_(with_room(o)),
        model_(load_transformer(files_, make_compute(o.compute_dtype), ModelUse::inference)),
        scorer_(model_) {
    // its buffers are there before the student's plan looks at what is left
    const int64_t rows = std::max<int64_t>(2, std::min(o.micro_batch_tokens, model_.config().max_positions)) - 1;
    const std::vector<TrainGroup> longest = {
        {.prompt = {0}, .samples = {{std::vector<TokenId>(static_cast<size_t>(rows)), {}, 0}}}};
    for (const MicroBatch& b : pack(longest, o.micro_batch_tokens)) (void)scorer_.score(b);
  }
  const ModelFiles& files() const { return files_; }

  void judge(Rollout& rollout) {
    std::vector<TrainGroup> groups;
    std::vector<std::pair<size_t, size_t>> places;  // by tag
    for (size_t g = 0; g < rollout.groups.size(); g++) {
      const JudgedGroup& group = rollout.groups[g];
      groups.push_back({group.prompt.ids, {}});
      for (size_t s = 0; s < group.group.completions.size(); s++) {
        groups.back().samples.push_back({group.group.completions[s].ids, {}, static_cast<int64_t>(places.size())});
        places.push_back({g, s});
      }
    }
    double kl = 0, tokens = 0;
    for (const MicroBatch& b : pack(groups, o_.micro_batch_tokens)) {
      const std::vector<HeadScore> scores = scorer_.score(b);
      for (size_t first = 0, last; first < scores.size(); first = last) {  // tokens of a sample are neighbours
        for (last = first; last < scores.size() && b.tokens[last].tag == b.tokens[first].tag;) last++;
        const auto [g, s] = places[static_cast<size_t>(b.tokens[first].tag)];
        Group& group = rollout.groups[g].group;
        const double shared = o_.reward_coef * static_cast<double>(group.advantages[s]);
        Completion& c = group.completions[s];
        std::vector<float> advantages;
        for (size_t i = first; i < last; i++) {
          const double gap = static_cast<double>(scores[i].logp) - c.behavior_logp[i - first];
          kl -= gap;
          advantages.push_back(static_cast<float>(gap + shared));
        }
        tokens += static_cast<double>(last - first);
        c.set_token_advantages(std::move(advantages));
      }
    }
    rollout.metrics["distill/reverse_kl"] = tokens > 0 ? kl / tokens : 0;
  }

 private:
  // The teacher's files, where its weights and what scoring takes fit.
  static ModelFiles with_room(const DistillOptions& o) {
    ModelFiles files = open_model_files(resolve_model(o.teacher));
    const ModelConfig config = read_config(files.config, files.generation_config, files.path);
    const size_t program = resident_bytes();
    require_memory(plan_memory(make_compute(o.compute_dtype), config, teacher_needs(o, config, program)),
                   o.memory_limit_gb > 0 ? MemoryLimit{static_cast<size_t>(o.memory_limit_gb * 1e9), "memory_limit_gb"}
                                         : memory_limit(program));
    return files;
  }

  const DistillOptions& o_;
  ModelFiles files_;
  Transformer model_;
  Scorer scorer_;
};

bool distill_on_policy(const DistillRun& run, const std::string& student) {
  const DistillOptions& o = run.options;
  Teacher teacher(o);
  require_same_vocabulary(open_model_files(resolve_model(student)), teacher.files());
  GrpoRun grpo;
  grpo.options = o;
  grpo.options.model = student;
  grpo.recipe = run.recipe;
  grpo.recipe_toml = run.recipe_toml;
  grpo.resume = run.resume;
  grpo.verb = "distill";
  grpo.after_rollout = [&](Rollout& rollout) { teacher.judge(rollout); };
  return run_grpo(grpo);
}

}  // namespace

MemoryNeeds teacher_needs(const DistillOptions& o, const ModelConfig& config, size_t program) {
  MemoryNeeds needs{.program = program, .trains = false, .saves = false};
  needs.kept_f32 = ParameterLayout(config, ParameterLayout::Holds::unpacked).total();
  const int64_t length = std::max<int64_t>(1, std::min(o.max_completion_length, o.micro_batch_tokens));
  needs.update = update_load({.prompts = std::max<int64_t>(1, o.prompts_per_rollout()),
                              .samples = o.rollout_batch(),
                              .longest_prompt = 1,
                              .max_new_tokens = length,
                              .one_length = false},
                             o.micro_batch_tokens);
  return needs;
}

bool run_distill(const DistillRun& run) {
  const DistillOptions& o = run.options;
  o.check();
  set_thread_count(o.threads > 0 ? static_cast<int>(o.threads) : available_cores());
  {
    const RunFolder is_free(o.out, run.resume);
  }  // before any work; the trainer takes it for good
  const std::string student = o.student.given() ? make_student(o, run.resume) : o.model;
  return o.distill_method == "on_policy" ? distill_on_policy(run, student) : distill_by_sft(run, student);
}

}  // namespace r1
