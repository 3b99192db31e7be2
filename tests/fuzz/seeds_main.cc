// fuzz_seeds FOLDER: writes the seeds and the kept corpora of every target into FOLDER/TARGET/, for the fuzzer to start
// from. fuzz_seeds --keep FOLDER CORPUS.txt: makes a target's kept corpus of a folder's inputs, smallest first, as many
// as fit into 60,000 bytes.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/durable_file.h"
#include "base/error.h"
#include "corpus.h"

namespace {

namespace fs = std::filesystem;
using r1::fuzz::Inputs;

void put(const fs::path& path, const std::string& bytes) {
  if (!(std::ofstream(path, std::ios::binary) << bytes).flush()) r1::fail("{}: cannot be written", path.string());
}

void write_all(const std::string& root) {
  for (const auto& [target, seeds] : r1::fuzz::make_seeds()) {
    const fs::path folder = fs::path(root) / target;
    fs::create_directories(folder);
    const std::string corpus = R1_SOURCE_DIR "/tests/fuzz/corpus/" + target + ".txt";
    const Inputs kept = fs::exists(corpus) ? r1::fuzz::read_corpus(corpus) : Inputs();
    for (size_t i = 0; i < seeds.size(); i++) put(folder / ("seed" + std::to_string(i)), seeds[i]);
    for (size_t i = 0; i < kept.size(); i++) put(folder / ("kept" + std::to_string(i)), kept[i]);
  }
}

void keep(const std::string& folder, const std::string& corpus) {
  constexpr size_t kMost = 60000;
  Inputs lines;
  for (const auto& entry : fs::directory_iterator(folder))
    lines.push_back(r1::fuzz::corpus_line(r1::read_text_file(entry.path().string())));
  std::sort(lines.begin(), lines.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  std::string text;
  for (const std::string& line : lines)
    if (text.size() + line.size() <= kMost) text += line;
  r1::replace_file(corpus, text);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 2) {
      write_all(argv[1]);
    } else if (argc == 4 && std::string_view(argv[1]) == "--keep") {
      keep(argv[2], argv[3]);
    } else {
      std::cerr << "usage: fuzz_seeds FOLDER | fuzz_seeds --keep FOLDER CORPUS.txt\n";
      return 2;
    }
  } catch (const r1::Error& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
  return 0;
}
