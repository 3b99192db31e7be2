#include "cli/app.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <iostream>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/nearest.h"
#include "base/options.h"
#include "cli/bench.h"
#include "cli/inspect_verb.h"
#include "cli/reward_verb.h"
#include "cli/tasks_verb.h"
#include "cli/turns_verb.h"
#include "cli/verb_registration.h"
#include "cli/verbs.h"
#include "pipeline/pipeline.h"

namespace r1 {
namespace {

// The few keys that verbs without a recipe know; most are flags too, and --set counts more.
void declare_model_keys(OptionTable& table, ModelFlags& flags) {
  table.add("threads", &flags.threads, "0: all cores");
  table.add_choice("compute_dtype", &flags.compute_dtype, {"auto", "f32", "bf16"}, "matmul operands");
}
void declare_chat_keys(OptionTable& table, GenerateFlags& f) {
  declare_model_keys(table, f);
  table.add("temperature", &f.temperature, "0: arg-max");
  table.add("top_k", &f.top_k, "0: off");
  table.add("top_p", &f.top_p, "1: off");
  table.add("min_p", &f.min_p, "0: off");
  table.add("seed", &f.seed, "same seed, same text");
  table.add("max_completion_length", &f.max_tokens, "tokens");
  table.add("system_prompt", &f.system_prompt, "system message");
  table.add("chat_template_kwargs", &f.chat_template_kwargs, "more variables of the chat template, a JSON object");
}
void declare_generate_keys(OptionTable& table, TurnFlags& f) {
  declare_chat_keys(table, f);
  f.environment.declare(table);
  f.watch.declare(table);
  f.watch.grade.declare(table);
}
void declare_bench_keys(OptionTable& table, BenchOptions& o) {
  table.add("threads", &o.threads, "0: all cores");
  table.add_choice("compute_dtype", &o.compute_dtype, {"auto", "f32", "bf16"}, "matmul operands");
  table.add("micro_batch_tokens", &o.micro_batch_tokens, "of the GRPO step: tokens of one forward and backward");
  table.add("max_active", &o.max_active, "of the GRPO step: sequences decoded together");
}
void declare_convert_keys(OptionTable& table, ConvertFlags& f) {
  table.add("threads", &f.threads, "0: all cores");
  table.add_choice("save_dtype", &f.save_dtype, {"bf16", "f32", "f16", "q8_0"},
                   "of the written weights; q8_0 in a GGUF alone");
  table.add("max_shard_size", &f.max_shard_size, "a folder's weights beyond it go into more files");
}
void apply_model_keys(const KeyValues& sets, ModelFlags& flags) {
  OptionTable table;
  declare_model_keys(table, flags);
  table.set_all(sets);
}
template <typename Flags>
void apply_keys(const KeyValues& sets, Flags& flags, void (*declare)(OptionTable&, Flags&)) {
  OptionTable table;
  declare(table, flags);
  table.set_all(sets);
}
template <typename Flags>
std::string set_keys_help(void (*declare)(OptionTable&, Flags&)) {
  Flags flags;
  OptionTable table;
  declare(table, flags);
  return "Keys for --set key=value, with their defaults:\n" + table.help();
}

void add_model_flags(CLI::App* verb, ModelFlags& f) {
  verb->add_option("--model", f.model, "Hugging Face folder, .gguf file, ORG/NAME in the local cache, or mini")
      ->required();
  verb->add_option("--threads", f.threads, "0: all cores");
}

void add_sampling_flags(CLI::App* verb, GenerateFlags& f) {
  verb->add_option("--max-tokens", f.max_tokens, "of an answer")->capture_default_str();
  verb->add_option("--temperature", f.temperature, "0: arg-max")->capture_default_str();
  verb->add_option("--top-k", f.top_k, "0: off")->capture_default_str();
  verb->add_option("--top-p", f.top_p, "1: off")->capture_default_str();
  verb->add_option("--min-p", f.min_p, "0: off")->capture_default_str();
  verb->add_option("--seed", f.seed, "same seed, same text")->capture_default_str();
  verb->add_option("--stop", f.stop, "text that ends an answer, repeatable");
  verb->add_option("--system", f.system_prompt, "system message");
  verb->add_option("--chat-template-kwargs", f.chat_template_kwargs,
                   "more variables of the chat template, a JSON object: '{\"enable_thinking\": false}'");
}

// Everything the words are read into; lives until the verb has run.
struct Words {
  KeyValues sets;
  ModelFlags model;
  TurnFlags generate;
  EvalFlags eval;
  ConvertFlags convert;
  TrainFlags train;
  RunFlags run;
  BenchOptions bench;
  std::string tokenize_model, template_file, template_model, golden_folder;
  bool decode = false, json = false;
  bool saves_on_interrupt = false;  // Ctrl-C is the verb's own matter
};

void add_text_verbs(CLI::App& app, Words& w, std::function<int()>& action) {
  CLI::App* tokenize =
      app.add_subcommand("tokenize", "JSON lines {\"text\"} on standard input to {\"ids\"}, or back with --decode");
  tokenize->add_option("--model", w.tokenize_model, "folder or .gguf, also with a tokenizer alone")->required();
  tokenize->add_flag("--decode", w.decode, "{\"ids\"} to {\"text\"}");
  tokenize->add_flag("--json", w.json, "JSON lines (always so)");
  add_set(tokenize, w.sets);
  tokenize->callback([&] {
    action = [&] {
      OptionTable().set_all(w.sets);
      return run_tokenize(w.tokenize_model, w.decode);
    };
  });
  CLI::App* chat_template =
      app.add_subcommand("template", "JSON lines {\"messages\",...} on standard input to {\"text\"} or {\"error\"}");
  auto* from = chat_template->add_option_group("source");
  from->add_option("--template", w.template_file, "a Jinja file");
  from->add_option("--model", w.template_model, "the model's own template");
  from->require_option(1, 2);
  chat_template->add_flag("--json", w.json, "JSON lines (always so)");
  add_set(chat_template, w.sets);
  chat_template->callback([&] {
    action = [&] {
      OptionTable().set_all(w.sets);
      return run_template(w.template_file, w.template_model);
    };
  });
}

void add_model_verbs(CLI::App& app, Words& w, std::function<int()>& action) {
  CLI::App* logprobs = app.add_subcommand("logprobs", "JSON lines {\"ids\"} on standard input to {\"logprobs\"}");
  add_model_flags(logprobs, w.model);
  logprobs->add_flag("--json", w.json, "JSON lines (always so)");
  add_set(logprobs, w.sets);
  logprobs->footer(set_keys_help(declare_model_keys));
  logprobs->callback([&] {
    action = [&] {
      apply_model_keys(w.sets, w.model);
      return run_logprobs(w.model);
    };
  });

  CLI::App* generate = app.add_subcommand("generate", "sample answers to a prompt");
  add_model_flags(generate, w.generate);
  auto* prompt = generate->add_option_group("what to continue");
  prompt->add_option("--prompt", w.generate.prompt, "text");
  prompt->add_option_function<std::string>(
      "--prompt-ids", [&w](const std::string& ids) { w.generate.prompt_ids = ids; }, "token ids, e.g. 5,7,9");
  prompt->add_option("--data", w.generate.data,
                     "games:NAME, tasks:NAME or a file: its first row, or rows=N in a query");
  prompt->require_option(1);
  generate->add_flag("--chat", w.generate.chat, "put the prompt into the model's chat template");
  generate->add_option("--n", w.generate.n, "answers")->capture_default_str();
  generate->add_flag("--json", w.generate.json, "a JSON line an answer");
  generate->add_flag("--self-check", w.generate.self_check,
                     "judge each step while sampling; where one falls, go back to the last good one");
  add_sampling_flags(generate, w.generate);
  add_set(generate, w.sets);
  generate->footer(set_keys_help(declare_generate_keys));
  generate->callback([&] {
    w.saves_on_interrupt = true;
    action = [&] {
      apply_keys(w.sets, w.generate, declare_generate_keys);
      if (w.generate.self_check) return run_generate_checked(w.generate);
      const bool turns = !w.generate.data.empty() || w.generate.environment.tools != "none";
      return turns ? run_generate_turns(w.generate) : run_generate(w.generate);
    };
  });

  CLI::App* chat = app.add_subcommand("chat", "talk to a model");
  add_model_flags(chat, w.generate);
  add_sampling_flags(chat, w.generate);
  add_set(chat, w.sets);
  chat->footer(set_keys_help(declare_chat_keys));
  chat->callback([&] {
    action = [&] {
      apply_keys<GenerateFlags>(w.sets, w.generate, declare_chat_keys);
      return run_chat(w.generate);
    };
  });
}

void add_convert_verb(CLI::App& app, Words& w, std::function<int()>& action) {
  CLI::App* convert =
      app.add_subcommand("convert", "write a model as a Hugging Face folder or a GGUF, its adapter merged");
  convert->add_option("--model", w.convert.model, "as elsewhere; a PEFT folder's adapter is merged into its base")
      ->required();
  convert->add_option("--out", w.convert.out, "the new folder, or FILE.gguf")->required();
  convert->add_option("--threads", w.convert.threads, "0: all cores");
  convert->add_flag("--json", w.convert.json, "one JSON object");
  add_set(convert, w.sets);
  convert->footer(set_keys_help(declare_convert_keys));
  convert->callback([&] {
    action = [&] {
      OptionTable table;
      declare_convert_keys(table, w.convert);
      table.set_all(w.sets);
      return run_convert(w.convert);
    };
  });
}

void add_train_verbs(CLI::App& app, Words& w, std::function<int()>& action) {
  CLI::App* sft = app.add_subcommand("sft", "supervised fine-tuning");
  add_train_flags(sft, w.train);
  add_set(sft, w.train.given);
  sft->footer(sft_keys_help);
  sft->callback([&] {
    w.saves_on_interrupt = true;
    action = [&] { return run_sft_verb(w.train); };
  });

  CLI::App* grpo = app.add_subcommand("grpo", "reinforcement learning with rule rewards (GRPO)");
  add_train_flags(grpo, w.train);
  add_key(grpo, "--reward", "reward", "auto, task, or names as of r1 reward; joined by +, weighted by *",
          w.train.given);
  grpo->add_flag_callback(
      "--no-audit", [&w] { w.train.given.push_back({"audit", "false"}); },
      "start although the audit before step 0 (audit.json) refuses; as --set audit=false");
  add_set(grpo, w.train.given);
  grpo->footer(grpo_keys_help);
  grpo->callback([&] {
    w.saves_on_interrupt = true;
    action = [&] { return run_grpo_verb(w.train); };
  });

  CLI::App* run = app.add_subcommand("run", "a pipeline: a recipe with a table a stage");
  run->add_option("recipe", w.run.recipe, "TOML file")->required();
  add_key(run, "--model", "model", "what the first stage begins with", w.run.given);
  add_key(run, "--out", "out", "the pipeline's folder", w.run.given);
  run->add_option("--from", w.run.from, "make this stage and what follows anew; what was there is kept aside");
  run->add_option("--until", w.run.until, "the last stage to run");
  run->add_flag("--dry-run", w.run.dry_run, "run nothing: each stage with its predicted time and memory");
  run->add_flag("--resume", w.run.resume, "go on; finished stages are not done again");
  run->add_flag("--json", w.run.json, "a JSON line a stage, then the digest");
  add_set(run, w.run.given);
  run->footer(pipeline_keys_help);
  run->callback([&] {
    w.saves_on_interrupt = true;
    action = [&] { return run_run_verb(w.run); };
  });

  CLI::App* eval = app.add_subcommand("eval", "pass@1, pass@k, cons@k with 95 % intervals");
  eval->add_option("recipe", w.eval.recipe, "TOML file of keys, e.g. a training recipe");
  eval->add_option("--model", w.eval.model, "what to evaluate");
  eval->add_option("--threads", w.eval.threads, "0: all cores");
  eval->add_option("--data", w.eval.data, "as for training; of tasks: their held-out items");
  eval->add_option("--reward", w.eval.reward, "what tells right from wrong; default: the recipe's, or auto");
  eval->add_option("--n", w.eval.n, "samples a row (k)")->capture_default_str();
  eval->add_option("--limit", w.eval.limit, "only the first rows; 0: all");
  eval->add_option("--max-tokens", w.eval.max_tokens, "of an answer; 0: the recipe's max_completion_length");
  eval->add_option("--temperature", w.eval.temperature, "default: 0 for one sample, 0.6 for several");
  eval->add_option("--top-p", w.eval.top_p, "default: 1 for one sample, 0.95 for several");
  eval->add_option("--seed", w.eval.seed, "of sampling; default: the recipe's, or 42");
  eval->add_option("--samples", w.eval.samples_file, "write every sample to this file");
  eval->add_flag("--json", w.eval.json, "one JSON object");
  add_set(eval, w.eval.sets);
  eval->footer(eval_keys_help);
  eval->callback([&] {
    w.saves_on_interrupt = true;
    action = [&] { return run_eval(w.eval); };
  });
}

void add_check_verbs(CLI::App& app, Words& w, std::function<int()>& action) {
  CLI::App* verify = app.add_subcommand("verify", "check this program against independent ones");
  verify->require_subcommand(1);
  CLI::App* goldens = verify->add_subcommand("goldens", "every model folder in DIR against what PyTorch computed");
  goldens->add_option("dir", w.golden_folder, "a folder of model folders")->required();
  goldens->add_option("--threads", w.model.threads, "0: all cores");
  goldens->add_flag("--json", w.json, "a JSON line a check");
  add_set(goldens, w.sets);
  goldens->footer(set_keys_help(declare_model_keys));
  goldens->callback([&] {
    action = [&] {
      apply_model_keys(w.sets, w.model);
      return run_verify_goldens(w.golden_folder, w.model, w.json);
    };
  });
  CLI::App* doctor = app.add_subcommand("doctor", "what this machine can do");
  doctor->add_option("--threads", w.model.threads, "0: all cores");
  doctor->add_flag("--json", w.json, "one JSON object");
  add_set(doctor, w.sets);
  doctor->footer(set_keys_help(declare_model_keys));
  doctor->callback([&] {
    action = [&] {
      apply_model_keys(w.sets, w.model);
      return run_doctor(w.model, w.json);
    };
  });
}

void add_bench_verb(CLI::App& app, Words& w, std::function<int()>& action) {
  BenchOptions& o = w.bench;
  CLI::App* bench = app.add_subcommand("bench", "the engine's speed against what this machine can do");
  auto* what = bench->add_option_group("what to measure");
  what->add_option("--model", o.model, "a model's own shapes and weights");
  what->add_option("--shape", o.shape, fmt::format("random weights of {}", fmt::join(bench_shapes(), ", ")))
      ->capture_default_str();
  what->require_option(0, 1);
  bench->add_option("--case", o.cases, fmt::format("only these, repeatable: {}", fmt::join(bench_case_names(), ", ")));
  const auto number = [&](const char* flag, std::optional<int64_t>& field, int64_t most, const char* help) {
    bench->add_option(flag, field, help)->check(CLI::Range(int64_t{1}, most));
  };
  number("--repeats", o.repeats, 1000, "medians are reported (5)");
  number("--prompts", o.prompts, 4096, "of a GRPO step (8)");
  number("--samples", o.samples, 1024, "of a prompt in it (8)");
  number("--prompt-length", o.prompt_length, 1 << 17, "tokens, also of the decode cases (128)");
  number("--completion-length", o.completion_length, 1 << 17, "tokens of a GRPO step's samples (256)");
  number("--prefill-length", o.prefill_length, 1 << 17, "tokens of the prefill case (512)");
  number("--decode-length", o.decode_length, 1 << 17, "tokens a sequence of the decode cases (64)");
  bench->add_option("--threads", o.threads, "0: all cores");
  bench->add_flag("--quick", o.quick, "small sizes and one repeat: shows that it runs, not how fast");
  bench->add_flag("--json", o.json, "a JSON line a case");
  add_set(bench, w.sets);
  bench->footer(set_keys_help(declare_bench_keys));
  bench->callback([&] {
    action = [&] {
      OptionTable table;
      declare_bench_keys(table, w.bench);
      table.set_all(w.sets);
      return run_bench(w.bench);
    };
  });
}

std::vector<std::string> names_of(const std::vector<CLI::App*>& verbs) {
  std::vector<std::string> out;
  for (const CLI::App* verb : verbs) out.push_back(verb->get_name());
  return out;
}
std::vector<CLI::App*> verbs_of(CLI::App& app) {  // without the nameless groups of flags
  return app.get_subcommands([](CLI::App* below) { return !below->get_name().empty(); });
}

// A first word that is no verb, here and below `verify`: CLI11 would say only that a verb is missing.
void require_known_verb(CLI::App& app, const std::vector<std::string>& words) {
  CLI::App* at = &app;
  std::string path = "r1";
  for (const std::string& word : words) {
    const auto verbs = verbs_of(*at);
    if (verbs.empty() || word.starts_with("-")) return;
    const auto it = std::find_if(verbs.begin(), verbs.end(), [&](CLI::App* v) { return v->get_name() == word; });
    if (it == verbs.end())
      fail_usage("unknown verb \"{}\"; nearest is \"{}\" (`{} --help` lists all)", word,
                 nearest_name(word, names_of(verbs)), path);
    at = *it;
    path += " " + word;
  }
}

// What is wrong with the words: an unknown flag comes before what is missing, which may be what it was meant to be.
std::string explain(CLI::App& app, const std::string& message) {
  CLI::App* verb = &app;
  std::string path = "r1";
  while (!verb->get_subcommands().empty()) {
    verb = verb->get_subcommands()[0];
    path += " " + verb->get_name();
  }
  const std::string name = path == "r1" ? "" : path.substr(3) + ": ";
  std::vector<std::string> flags;
  for (const CLI::App* group : verb->get_subcommands([](CLI::App*) { return true; })) {
    for (const CLI::Option* option : group->get_options())
      for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  for (const CLI::Option* option : verb->get_options())
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  for (const std::string& word : app.remaining(true))
    if (word.starts_with("-"))
      return fmt::format("{}unknown flag {}; nearest is {} (`{} --help` lists all)", name, word,
                         nearest_name(word.substr(0, word.find('=')), flags), path);
  return fmt::format("{}{} (`{} --help` lists all)", name, message, path);
}

int guarded(const std::function<int()>& action) {
  try {
    const int code = action();
    std::cout.flush();
    if (!std::cout) fail("standard output: cannot write; is the disk full, or the reader gone?");
    return code;
  } catch (const UsageError& e) {
    std::cerr << "r1: " << e.what() << "\n";
    return 2;
  } catch (const std::bad_alloc&) {
    std::cerr
        << "r1: out of memory; try a smaller batch (per_device_train_batch_size, micro_batch_tokens, max_active)\n";
    return 1;
  } catch (const std::exception& e) {
    std::cout.flush();  // what was done before it counts
    std::cerr << "r1: " << e.what() << "\n";
    return 1;
  }
}

}  // namespace

void add_key(CLI::App* verb, const std::string& flag, const std::string& key, const std::string& help,
             KeyValues& values) {
  verb->add_option_function<std::string>(
      flag, [&values, key](const std::string& v) { values.push_back({key, v}); }, help);
}

void add_train_flags(CLI::App* verb, TrainFlags& f) {
  verb->add_option("recipe", f.recipe, "TOML file of keys");
  add_key(verb, "--model", "model", "what to train", f.given);
  add_key(verb, "--data", "data", "file, folder, pattern, mixture, or tasks:NAME (r1 tasks list)", f.given);
  add_key(verb, "--out", "out", "the run's folder", f.given);
  verb->add_flag("--resume", f.resume, "go on with the run in --out");
}

// Values are gathered in this order, and the last one of a key counts.
void add_set(CLI::App* verb, KeyValues& values) {
  verb->add_option_function<std::vector<std::string>>(
          "--set",
          [&values](const std::vector<std::string>& all) {
            for (const std::string& one : all) values.push_back(split_assignment(one));
          },
          "key=value, repeatable")
      ->take_all()
      ->expected(1)
      ->type_name("KEY=VALUE");
}

int run_app(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  CLI::App app("r1: DeepSeek-R1's training system on the CPU you have", "r1");
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  Words words;
  std::function<int()> action;
  add_text_verbs(app, words, action);
  add_model_verbs(app, words, action);
  add_inspect_verb(app, action);
  add_convert_verb(app, words, action);
  add_pretrain_verb(app, action);
  add_train_verbs(app, words, action);
  add_reward_model_verb(app, action, words.saves_on_interrupt);
  add_reject_verb(app, action, words.saves_on_interrupt);
  add_distill_verb(app, action, words.saves_on_interrupt);
  add_tasks_verb(app, action);
  add_check_verbs(app, words, action);
  add_bench_verb(app, words, action);
  add_data_verbs(app, action);
  add_config_verbs(app, action);
  add_completion_verb(app, action);
  add_reward_verb(app, action);
  add_report_verb(app, action);
  add_trace_verb(app, action);
  return guarded([&] {
    require_known_verb(app, {argv + std::min(argc, 1), argv + argc});
    try {
      app.parse(argc, argv);
    } catch (const CLI::Success& e) {  // --help
      return app.exit(e);
    } catch (const CLI::ParseError& e) {
      fail_usage("{}", explain(app, e.what()));
    }
    words.saves_on_interrupt ? catch_interrupts() : release_interrupts();
    return action();
  });
}

}  // namespace r1
