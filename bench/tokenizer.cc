// How fast text is tokenized and put back, on one thread: bench_tokenizer MODEL TEXT_FILE [ROUNDS]. MODEL is a folder
// or a .gguf file. MB a second of processor time, one line a round; the first round meets every word for the first
// time.
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/error.h"
#include "formats/model_files.h"
#include "text/tokenizer.h"

namespace {

double processor_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

template <typename Body>
double seconds_of(const Body& body) {
  const double start = processor_seconds();
  body();
  return processor_seconds() - start;
}

void run(const std::string& model, const std::string& path, int rounds) {
  const std::string json = r1::open_model_files(model).tokenizer_json;
  std::shared_ptr<const r1::Tokenizer> tokenizer;
  std::cout << fmt::format("load {:.2f} s\n", seconds_of([&] { tokenizer = r1::Tokenizer::from_json(json, model); }));
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty()) r1::fail("{}: cannot be read, or is empty", path);
  const double megabytes = static_cast<double>(text.size()) / 1e6;
  for (int i = 0; i < rounds; i++) {
    std::vector<r1::TokenId> ids;
    const double encode = seconds_of([&] { ids = tokenizer->encode(text); });
    std::string back;
    const double decode = seconds_of([&] { back = tokenizer->decode(ids); });
    std::cout << fmt::format("{:.2f} MB, {} ids: encode {:.1f} MB/s, decode {:.1f} MB/s\n", megabytes, ids.size(),
                             megabytes / encode, static_cast<double>(back.size()) / 1e6 / decode);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: bench_tokenizer MODEL TEXT_FILE [ROUNDS]\n";
    return 2;
  }
  try {
    run(argv[1], argv[2], argc > 3 ? std::atoi(argv[3]) : 5);
  } catch (const r1::Error& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
  return 0;
}
