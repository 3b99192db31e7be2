// The model as its own judge: it is asked about each of its steps, in two phrasings of opposite sense, and what counts
// is not what it would say but how likely "yes" and "no" are, the two made to sum to one. A temperature fitted on items
// kept apart turns the grades into probabilities that mean what they say.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "trace/thought.h"
#include "trace/verdict.h"

namespace r1 {

// log p(candidate | context) at temperature 1 for each candidate.
struct GradeQuestion {
  std::vector<TokenId> context;
  std::vector<std::vector<TokenId>> candidates;
};
using CandidateScorer = std::function<std::vector<std::vector<double>>(const std::vector<GradeQuestion>&)>;

struct Grader {
  std::function<std::vector<TokenId>(const std::string& question)> render;  // as a user would ask it
  std::function<std::vector<TokenId>(const std::string& text)> encode;      // of an answer's beginning
  CandidateScorer score;
  double temperature = 1;
};

// The two questions about step `step`; to the first "yes" means that it is right, to the second that it is wrong.
std::pair<std::string, std::string> grade_questions(const std::string& problem, const std::vector<std::string>& steps,
                                                    size_t step);

// The mean of both phrasings' log-odds that each step is right, before the temperature.
struct GradeLogits {
  std::vector<double> right;
  int64_t tokens = 0;  // read
};
GradeLogits grade_logits(const std::string& problem, const std::vector<std::string>& steps, const Grader& grader);
SelfGrades grades_of(const GradeLogits& logits, double temperature);

// The temperature at which the grades of items with known truth are likeliest (golden section over its logarithm); 1
// for fewer than two items.
double fit_temperature(const std::vector<std::pair<double, bool>>& logits);

}  // namespace r1
