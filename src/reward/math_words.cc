#include "reward/math_words.h"

#include <algorithm>
#include <array>
#include <utility>

namespace r1 {
namespace {

constexpr std::pair<std::string_view, std::string_view> kFunctions[] = {{"sin", "sin"},
                                                                        {"cos", "cos"},
                                                                        {"tan", "tan"},
                                                                        {"cot", "cot"},
                                                                        {"sec", "sec"},
                                                                        {"csc", "csc"},
                                                                        {"arcsin", "asin"},
                                                                        {"arccos", "acos"},
                                                                        {"arctan", "atan"},
                                                                        {"asin", "asin"},
                                                                        {"acos", "acos"},
                                                                        {"atan", "atan"},
                                                                        {"sinh", "sinh"},
                                                                        {"cosh", "cosh"},
                                                                        {"tanh", "tanh"},
                                                                        {"ln", "ln"},
                                                                        {"log", "log"},
                                                                        {"lg", "lg"},
                                                                        {"exp", "exp"},
                                                                        {"sqrt", "sqrt"},
                                                                        {"cbrt", "cbrt"},
                                                                        {"abs", "abs"},
                                                                        {"Abs", "abs"},
                                                                        {"floor", "floor"},
                                                                        {"ceil", "ceil"},
                                                                        {"ceiling", "ceil"},
                                                                        {"factorial", "factorial"},
                                                                        {"binomial", "binomial"}};

constexpr std::array<std::string_view, 47> kGreek = {
    "alpha", "beta",     "gamma",  "delta",   "epsilon", "varepsilon", "zeta",    "eta",   "theta", "vartheta",
    "iota",  "kappa",    "lambda", "mu",      "nu",      "xi",         "omicron", "varpi", "rho",   "varrho",
    "sigma", "varsigma", "tau",    "upsilon", "phi",     "varphi",     "chi",     "psi",   "omega", "Gamma",
    "Delta", "Theta",    "Lambda", "Xi",      "Pi",      "Sigma",      "Upsilon", "Phi",   "Psi",   "Omega",
    "ell",   "hbar",     "aleph",  "imath",   "jmath",   "Re",         "Im"};

constexpr std::array<std::string_view, 16> kJoining = {"or",  "and", "in",  "is",  "to",   "nor", "but", "for",
                                                       "are", "of",  "the", "not", "with", "if",  "no",  "per"};

constexpr std::array<std::string_view, 78> kNoProducts = {
    "an",  "as",  "at",  "be",  "by",  "do",  "go",  "he",  "hi",  "it",  "me",  "my",  "of",  "ok",  "on",  "so",
    "up",  "us",  "we",  "all", "any", "can", "few", "its", "new", "one", "six", "ten", "two", "via", "was", "yes",
    "cat", "dog", "men", "mm",  "cm",  "dm",  "km",  "nm",  "in",  "ft",  "yd",  "mi",  "mg",  "kg",  "lb",  "lbs",
    "oz",  "ml",  "mL",  "cl",  "ms",  "sec", "min", "hr",  "hrs", "day", "mph", "kph", "kmh", "am",  "pm",  "deg",
    "rad", "usd", "USD", "eur", "EUR", "pcs", "mol", "Hz",  "kW",  "Pa",  "kPa", "cc",  "sq",  "cu"};

template <size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool is_function_word(std::string_view word) {
  return std::any_of(std::begin(kFunctions), std::end(kFunctions), [&](const auto& f) { return f.first == word; });
}
std::string function_of_word(std::string_view word) {
  for (const auto& [from, to] : kFunctions)
    if (from == word) return std::string(to);
  return std::string(word);
}

bool is_greek(std::string_view command) { return one_of(command, kGreek); }
bool is_joining_word(std::string_view word) { return one_of(lower(word), kJoining); }

bool is_product_of_letters(std::string_view letters, bool latex) {
  if (letters.size() > (latex ? 5 : 3) || is_joining_word(letters)) return false;
  return !one_of(letters, kNoProducts);
}

}  // namespace r1
