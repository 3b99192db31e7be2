// The fuzz targets without a fuzzer: every seed and every input of the kept corpora goes through its target, and then
// variants of them for a while: a minute for the formats that people bring, 3 s for what stands behind them, or for all
// what R1_FUZZ_SECONDS says.
// A target that stops the program leaves the input behind, in a file that standard error names.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/durable_file.h"
#include "base/error.h"
#include "mutate.h"

// One of each file NAME_fuzz.cc, which is compiled here with its entry named NAME_fuzz, and the seconds for its
// variants.
#define R1_FUZZ_TARGETS(X)  \
  X(adapter_config_fuzz, 3) \
  X(chat_template_fuzz, 60) \
  X(gguf_fuzz, 60)          \
  X(jsonl_fuzz, 60)         \
  X(math_answer_fuzz, 3)    \
  X(records_fuzz, 3)        \
  X(safetensors_fuzz, 60)   \
  X(sentencepiece_fuzz, 3)  \
  X(tokenizer_fuzz, 60)     \
  X(yaml_fuzz, 60)
#define R1_DECLARE(name, seconds) extern "C" int name(const uint8_t*, size_t);
R1_FUZZ_TARGETS(R1_DECLARE)

namespace r1::fuzz {
namespace {

struct Target {
  const char* name;
  int (*run)(const uint8_t*, size_t);
  double seconds;
};
#define R1_TARGET(name, seconds) Target{#name, name, seconds},
const Target kTargets[] = {R1_FUZZ_TARGETS(R1_TARGET)};

// What the handler of a crash writes down: only what is safe there.
std::string crash_path;
std::string_view crash_input;
void write_input(int signal) {
  const int file = open(crash_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  bool written = file >= 0 && write(file, crash_input.data(), crash_input.size()) >= 0;
  for (const std::string_view part :
       {std::string_view("the input is in "), std::string_view(crash_path), std::string_view("\n")})
    written = write(STDERR_FILENO, part.data(), part.size()) >= 0 && written;
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
double processor_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}
double megabytes_most() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_maxrss) / 1e3;
}

class Fuzz : public testing::TestWithParam<Target> {
 protected:
  void SetUp() override {
    crash_path = testing::TempDir() + "r1-" + GetParam().name + "-" + std::to_string(getpid());
    for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS, SIGILL}) std::signal(signal, write_input);
    const std::string path = std::string(R1_SOURCE_DIR "/tests/fuzz/corpus/") + GetParam().name + ".txt";
    inputs_ = read_corpus(path);
    ASSERT_GE(inputs_.size(), 10u) << path;
    const Inputs seeds = make_seeds()[GetParam().name];
    ASSERT_FALSE(seeds.empty());
    inputs_.insert(inputs_.end(), seeds.begin(), seeds.end());
  }
  void TearDown() override {
    for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS, SIGILL}) std::signal(signal, SIG_DFL);
  }
  // A second is the aim; processor time, and twice that, because others may share the core.
  void run(const std::string& input) {
    crash_input = input;
    const double start = processor_seconds();
    GetParam().run(reinterpret_cast<const uint8_t*>(input.data()), input.size());
    const double took = processor_seconds() - start;
    EXPECT_LT(took, 2) << GetParam().name << " on:\n" << corpus_line(input).substr(0, 2000);
  }

  Inputs inputs_;
};
using FuzzReplay = Fuzz;
using FuzzVariantsSlow = Fuzz;

const auto name_of = [](const testing::TestParamInfo<Target>& info) { return std::string(info.param.name); };
INSTANTIATE_TEST_SUITE_P(Targets, FuzzReplay, testing::ValuesIn(kTargets), name_of);

TEST_P(FuzzReplay, WhatWasKeptIsAnswered) {
  for (const std::string& input : inputs_) run(input);
  EXPECT_LT(megabytes_most(), 500);
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzVariantsSlow, testing::ValuesIn(kTargets), name_of);

TEST_P(FuzzVariantsSlow, AreAnswered) {
  const char* given = std::getenv("R1_FUZZ_SECONDS");
  const double until = seconds() + (given != nullptr ? std::atof(given) : GetParam().seconds);
  constexpr size_t kLongest = 65536;
  uint64_t round = 0;
  for (; round == 0 || seconds() < until; round++) {
    run(mutated(inputs_, 42, round, kLongest));
    if (HasFailure()) break;
  }
  RecordProperty("variants", std::to_string(round));
  EXPECT_LT(megabytes_most(), 500);
}

TEST(FuzzCorpus, ReadsWhatItWrites) {
  std::string every;
  for (int byte = 0; byte < 256; byte++) every += static_cast<char>(byte);
  const std::string path = testing::TempDir() + "r1-corpus-" + std::to_string(getpid());
  replace_file(path, corpus_line(every) + corpus_line("") + corpus_line("a\\n\n"));
  EXPECT_EQ(read_corpus(path), (Inputs{every, "", "a\\n\n"}));
  for (const char* wrong : {"a\\", "\\x0", "\\xg0", "\\q"}) {
    replace_file(path, std::string("fine\n") + wrong + "\n");
    EXPECT_THROW(read_corpus(path), Error) << wrong;
  }
  replace_file(path, "no end");
  EXPECT_THROW(read_corpus(path), Error);
  unlink(path.c_str());
}

TEST(FuzzCorpus, VariantsAreTheSameAgainAndBounded) {
  const Inputs from = {"the number 12", "", std::string(300, 'x')};
  size_t other = 0, longest = 0;
  for (uint64_t round = 0; round < 2000; round++) {
    const std::string variant = mutated(from, 1, round, 400);
    EXPECT_EQ(variant, mutated(from, 1, round, 400));
    longest = std::max(longest, variant.size());
    other += variant != mutated(from, 2, round, 400);
  }
  EXPECT_GT(other, 1900u);
  EXPECT_EQ(longest, 400u);
}

}  // namespace
}  // namespace r1::fuzz
