// Benchmarks of finding the first wrong step. ProcessBench (arXiv 2412.06559): a solution in steps with the index of
// the earliest wrong one, -1 where there is none; its score is the harmonic mean of the accuracies on the two kinds.
// PRM800K (arXiv 2305.20050): rated steps with alternatives; the chosen ones make a solution, and the first rated -1 is
// its label.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace r1 {

struct LabelledSolution {
  std::string id, generator, problem;
  std::string answer;  // the reference, where the file has it
  std::vector<std::string> steps;
  std::optional<bool> final_answer_correct;
  int64_t label = -1;  // the earliest wrong step from 0; -1: none
};

// {"id","generator","problem","steps","final_answer_correct","label"}. Throws r1::Error saying which field is wrong.
LabelledSolution read_process_bench(const nlohmann::ordered_json& row);

// {"question":{"problem","ground_truth_answer"},"label":{"steps":[{"completions":[{"text","rating"}],
// "human_completion","chosen_completion"}],"finish_reason"}}. The solution ends at its first step rated -1; nullopt for
// what is no solution: bad_problem, give_up, steps that nobody chose or rated. Throws r1::Error for another shape.
std::optional<LabelledSolution> read_prm800k(const nlohmann::ordered_json& row);
bool is_prm800k(const nlohmann::ordered_json& row);

// What a method said of one solution.
struct Located {
  int64_t label = -1, predicted = -1;
  double confidence = 1;  // of the prediction
  int64_t tokens = 0;
  bool injected = false;  // the error was put in on purpose
};

struct LocateScore {
  double f1 = 0, acc_error = 0, acc_correct = 0;
  double ece = 0;           // of the confidence, ten bins of one width
  double ece_adaptive = 0;  // ten bins of as many items each
  double tokens_per_trace = 0;
  double acc_natural = 0, acc_injected = 0;  // acc_error of the two kinds of errors
  int64_t n = 0, num_error = 0;
};
// An accuracy without items is 0.
LocateScore score_located(const std::vector<Located>& items);

// Expected calibration error: sum over bins of share * |mean confidence - accuracy|. `adaptive`: bins hold as many
// items each, in order of confidence; otherwise they have one width over [0, 1].
double calibration_error(const std::vector<std::pair<double, bool>>& items, int bins, bool adaptive);

// Graded against right, in bins of one width over [0, 1]; those that hold anything, in order.
struct ReliabilityBin {
  double graded = 0, right = 0;  // means
  int64_t n = 0;
};
std::vector<ReliabilityBin> reliability_bins(const std::vector<std::pair<double, bool>>& items, int bins);

}  // namespace r1
