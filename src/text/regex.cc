// Two ways to match. The fast one is compiled to machine code, which cannot be interrupted and counts too coarsely to
// bound it: a loop over one character counts once, and every new start counts from zero. So it gets few counts, moves
// its start by windows, and time is looked at between calls. What takes too long there goes on in the counted one,
// which calls back before every item of the pattern; there each item and each byte moved over is a step, and the steps
// of a text are limited. The clock picks the way, never the result: what fails fails by its count.
#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <mutex>

#include "base/error.h"
#include "text/regex_syntax.h"

namespace r1 {
namespace {

constexpr uint32_t kOptions = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE;
constexpr size_t kWindow = 256;    // starts a call may try
constexpr int kCallsPerLook = 64;  // at the clock
constexpr uint64_t kSteps = 20'000'000, kStepsPerByte = 64;

// Processor time of this thread.
std::chrono::nanoseconds time_spent() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}
std::chrono::nanoseconds patience(size_t bytes) {
  return std::chrono::milliseconds(200) + std::chrono::nanoseconds(200 * bytes);
}

// What a match needs beside the pattern; one a thread, since making it costs as much as matching.
struct Tools {
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);  // only where the whole match lies is asked for
  pcre2_jit_stack* stack = nullptr;
  Tools() { pcre2_set_heap_limit(context, 64 * 1024); }
  ~Tools() {
    pcre2_jit_stack_free(stack);
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
  }
  // More than the 32 KiB that are there without asking.
  void grow_stack() {
    if (stack == nullptr) stack = pcre2_jit_stack_create(64 << 10, 32 << 20, nullptr);
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
};
Tools& tools() {
  thread_local Tools mine;
  return mine;
}

// A count may cost as much as the text is long.
void set_fast_limit(pcre2_match_context* context, size_t bytes) {
  pcre2_set_match_limit(context, static_cast<uint32_t>(std::clamp<size_t>((1u << 26) / (bytes + 1), 200, 1'000'000)));
}

struct Budget {
  uint64_t left;
  size_t last = 0;
};
int count_step(pcre2_callout_block* block, void* data) {
  Budget& budget = *static_cast<Budget*>(data);
  const size_t here = block->current_position;
  const uint64_t steps = 1 + (here > budget.last ? here - budget.last : 0);
  budget.last = here;
  if (budget.left < steps) return PCRE2_ERROR_CALLOUT;
  budget.left -= steps;
  return 0;
}

}  // namespace

struct Regex::Code {
  pcre2_code* code = nullptr;
  bool machine = false;  // compiled to machine code

  Code(const std::string& pattern, uint32_t options) {
    const std::string translated = pcre2_pattern(pattern);
    int error = 0;
    PCRE2_SIZE offset = 0;
    std::unique_ptr<pcre2_compile_context, void (*)(pcre2_compile_context*)> context(
        pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
    pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), options, &error, &offset,
                         context.get());
    if (code == nullptr) {
      PCRE2_UCHAR message[256];
      pcre2_get_error_message(error, message, sizeof message);
      fail("split pattern {}: {} (in PCRE2's words: {}, near its byte {})", pattern, reinterpret_cast<char*>(message),
           translated, offset);
    }
    machine = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;  // without it PCRE2 interprets
  }
  ~Code() { pcre2_code_free(code); }

  // Where the first match from `at` on lies, with its start before `limit` at the latest; PCRE2's code otherwise.
  int match(std::string_view text, size_t at, size_t limit, Regex::Match& found) const {
    Tools& t = tools();
    pcre2_set_offset_limit(t.context, limit);
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    const auto in_machine = [&] {
      return machine ? pcre2_jit_match(code, subject, text.size(), at, PCRE2_NO_UTF_CHECK, t.data, t.context)
                     : PCRE2_ERROR_JIT_STACKLIMIT;
    };
    int n = in_machine();
    if (n == PCRE2_ERROR_JIT_STACKLIMIT && machine && t.stack == nullptr) {
      t.grow_stack();
      n = in_machine();
    }
    if (n == PCRE2_ERROR_JIT_STACKLIMIT)
      n = pcre2_match(code, subject, text.size(), at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, t.data, t.context);
    if (n < 0) return n;
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(t.data);
    found = {range[0], range[1]};
    return n;
  }
};

struct Regex::Search {
  std::string_view text;
  size_t at = 0;
  Match found = {};
  bool slow = false, counting = false;
  int calls = 0;
  std::chrono::nanoseconds start = {};  // of the first look at the clock

  bool takes_too_long() {
    const std::chrono::nanoseconds now = time_spent();
    if (start.count() == 0) start = now;
    return now - start > patience(text.size());
  }
  Budget budget;
};

namespace {

// The patterns of GPT-2, Qwen 2 and 3, Llama 3 and DeepSeek-V3 (its third). Of all of them it is true that at a space
// before a letter, or at a letter, they match that and all letters that follow.
constexpr std::string_view kWordPatterns[] = {
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
    "?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"};

bool is_letter(char c) { return static_cast<unsigned char>((c | 32) - 'a') < 26; }

}  // namespace

Regex::Regex(const std::string& pattern)
    : pattern_(pattern),
      words_(std::find(std::begin(kWordPatterns), std::end(kWordPatterns), pattern) != std::end(kWordPatterns)),
      fast_(std::make_unique<Code>(pattern, kOptions | PCRE2_USE_OFFSET_LIMIT)) {}
Regex::~Regex() = default;

// A word of ASCII letters that ends in ASCII; most of English is such.
bool Regex::find_word(Search& s) const {
  size_t at = s.at;
  if (at < s.text.size() && s.text[at] == ' ') at++;
  const size_t letters = at;
  while (at < s.text.size() && is_letter(s.text[at])) at++;
  if (at == letters || (at < s.text.size() && static_cast<unsigned char>(s.text[at]) >= 0x80)) return false;
  s.found = {s.at, at};
  return true;
}

bool Regex::find_next(Search& s) const {
  if (words_ && find_word(s)) return true;
  if (!s.slow && find_fast(s)) return s.found.begin <= s.text.size();
  return find_counted(s);
}

// False: too slow, count. `found` begins behind the text when there is no match.
bool Regex::find_fast(Search& s) const {
  for (;;) {
    if (++s.calls % kCallsPerLook == 0 && s.takes_too_long()) {
      s.slow = true;
      return false;
    }
    const size_t limit = std::min(s.text.size(), s.at + kWindow);
    const int n = fast_->match(s.text, s.at, limit, s.found);
    if (n >= 0) return true;
    if (n != PCRE2_ERROR_NOMATCH) return false;  // out of counts or of memory; for this match, counting tells for sure
    s.found = {s.text.size() + 1, s.text.size() + 1};
    if (limit == s.text.size()) return true;
    s.at = limit + 1;  // starts up to and with `limit` are done
    while (s.at < s.text.size() && (static_cast<unsigned char>(s.text[s.at]) & 0xC0) == 0x80) s.at++;
  }
}

bool Regex::find_counted(Search& s) const {
  static std::mutex compiling;
  const Code* code;
  {
    const std::lock_guard lock(compiling);
    if (!counted_) counted_ = std::make_unique<Code>(pattern_, kOptions | PCRE2_AUTO_CALLOUT | PCRE2_USE_OFFSET_LIMIT);
    code = counted_.get();
  }
  if (!s.counting) {
    s.counting = true;
    s.budget = {kSteps + kStepsPerByte * s.text.size()};
  }
  pcre2_match_context* context = tools().context;
  s.budget.last = s.at;
  pcre2_set_match_limit(context, UINT32_MAX);
  pcre2_set_callout(context, count_step, &s.budget);
  const int n = code->match(s.text, s.at, s.text.size(), s.found);
  pcre2_set_callout(context, nullptr, nullptr);
  set_fast_limit(context, s.text.size());
  if (n < 0 && n != PCRE2_ERROR_NOMATCH)
    fail("split pattern {}: a text of {} bytes takes too many steps or too much memory (PCRE2 code {})", pattern_,
         s.text.size(), n);
  return n >= 0;
}

void Regex::find_all(std::string_view text, std::vector<Match>& out) const {
  out.clear();
  Search s;
  s.text = text;
  set_fast_limit(tools().context, text.size());
  size_t last_end = SIZE_MAX;
  while (s.at <= text.size() && find_next(s)) {
    if (s.found.begin == s.found.end && s.found.end == last_end) {
      s.at = s.found.end + 1;
      while (s.at < text.size() && (static_cast<unsigned char>(text[s.at]) & 0xC0) == 0x80) s.at++;
      continue;
    }
    out.push_back(s.found);
    s.at = last_end = s.found.end;
  }
}

}  // namespace r1
