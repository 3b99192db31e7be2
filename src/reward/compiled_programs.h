// Executables that were made before: many samples of a prompt are the same program, and all its tests need it.
#pragma once

#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace r1 {

struct CompiledProgram {
  std::string executable;    // empty when it does not compile
  std::string complaint;     // the compiler's first error, then
  bool wants_types = false;  // it may compile with types that its tests give (cpp_function.h)
};

// The latest ones, up to `most_bytes`. Thread safe.
class CompiledPrograms {
 public:
  explicit CompiledPrograms(size_t most_bytes) : most_(most_bytes) {}
  std::optional<CompiledProgram> find(const std::string& source);
  void add(const std::string& source, const CompiledProgram& program);

 private:
  struct Entry {
    std::string key;
    CompiledProgram program;
  };
  const size_t most_;
  std::mutex mu_;
  size_t bytes_ = 0;                                         // guarded by mu_
  std::list<Entry> entries_;                                 // guarded by mu_; latest first
  std::map<std::string, std::list<Entry>::iterator> where_;  // guarded by mu_
};

}  // namespace r1
