// The model as its own judge: it is asked about each of its steps, in two phrasings of opposite sense, and what counts
// is not what it would say but how likely "yes" and "no" are, the two made to sum to one. A temperature and an offset
// fitted on items kept apart turn the grades into probabilities that mean what they say: the temperature mends how sure
// they are, the offset how often right steps are to be expected (a critic learns on as many wrong ones).
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
// log-odds x become x / temperature + offset.
struct GradeScale {
  double temperature = 1, offset = 0;
};
using CandidateScorer = std::function<std::vector<std::vector<double>>(const std::vector<GradeQuestion>&)>;

struct Grader {
  std::function<std::vector<TokenId>(const std::string& question)> render;  // as a user would ask it
  std::function<std::vector<TokenId>(const std::string& text)> encode;      // of an answer's beginning
  CandidateScorer score;
};

// The two questions about step `step`; to the first "yes" means that it is right, to the second that it is wrong.
std::pair<std::string, std::string> grade_questions(const std::string& problem, const std::vector<std::string>& steps,
                                                    size_t step);

// The mean of both phrasings' log-odds that each step is right, before they are scaled; of the steps from `first` on.
struct GradeLogits {
  std::vector<double> right;
  int64_t tokens = 0;  // read
};
GradeLogits grade_logits(const std::string& problem, const std::vector<std::string>& steps, const Grader& grader,
                         size_t first = 0);
SelfGrades grades_of(const GradeLogits& logits, const GradeScale& scale);

// The scale at which the grades of items with known truth are likeliest (logistic regression by Newton's method); no
// change for fewer than two items. Grades that say the opposite of what is so come out as hardly anything: the
// temperature stays above 0.
GradeScale fit_scale(const std::vector<std::pair<double, bool>>& logits);

// Grades of a thought with its first wrong step (-1: none).
struct GradedThought {
  SelfGrades grades;
  int64_t label = -1;
};
// The grade below which a step counts as wrong, of 0.01 to 0.99, that finds first errors best (ProcessBench's F1; it
// tunes the thresholds of reward models so). 0.5 where there is nothing to choose by.
double fit_threshold(const std::vector<GradedThought>& thoughts);

}  // namespace r1
