#include "formats/model_path.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/durable_file.h"
#include "base/error.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// assets/ of the checkout the program was built in: above the folder of the executable.
fs::path assets_folder() {
  if (const std::string given = environment("R1_ASSETS"); !given.empty()) return given;
  std::error_code error;
  fs::path at = fs::read_symlink("/proc/self/exe", error);
  for (at = at.parent_path(); !at.empty() && at != at.root_path(); at = at.parent_path())
    if (fs::exists(at / "assets" / "mini", error)) return at / "assets";
  return "assets";
}

fs::path hub_cache() {
  if (const std::string cache = environment("HF_HUB_CACHE"); !cache.empty()) return cache;
  if (const std::string home = environment("HF_HOME"); !home.empty()) return fs::path(home) / "hub";
  return fs::path(environment("HOME")) / ".cache" / "huggingface" / "hub";
}

bool is_hub_name(const std::string& name) {
  const size_t slash = name.find('/');
  return slash != std::string::npos && slash > 0 && slash + 1 < name.size() && slash == name.rfind('/') &&
         name.find("..") == std::string::npos && name[0] != '.' && name[0] != '~';
}

std::string in_hub_cache(const std::string& name) {
  std::string folder = "models--" + name;
  folder.replace(folder.find('/'), 1, "--");
  const fs::path repository = hub_cache() / folder, reference = repository / "refs" / "main";
  if (!fs::exists(reference)) return "";
  std::string revision = read_text_file(reference.string(), 4096);
  while (!revision.empty() && (revision.back() == '\n' || revision.back() == '\r')) revision.pop_back();
  const bool plain = !revision.empty() && std::all_of(revision.begin(), revision.end(),
                                                      [](unsigned char c) { return std::isalnum(c) != 0; });
  if (!plain) fail("{}: expected a commit, got \"{}\"", reference.string(), revision.substr(0, 80));
  const fs::path snapshot = repository / "snapshots" / revision;
  return fs::is_directory(snapshot) ? snapshot.string() : "";
}

}  // namespace

std::string portable_model_name(const std::string& name) {
  return fs::exists(name) ? fs::canonical(name).string() : name;
}

std::string resolve_model(const std::string& name) {
  if (name.empty()) fail_usage("no model given: --model FOLDER, FILE.gguf, ORG/NAME or mini");
  if (fs::exists(name)) return name;
  if (name == "mini" || name == "mini-student") {
    const fs::path path = assets_folder() / name;
    if (!fs::exists(path))
      fail("model {}: {} is not there; set R1_ASSETS to the folder that holds it", name, path.string());
    return path.string();
  }
  if (is_hub_name(name)) {
    const std::string path = in_hub_cache(name);
    if (!path.empty()) return path;
    fail("model {}: no such folder, and not in the Hub cache {}", name, hub_cache().string());
  }
  fail("model {}: no such file or folder", name);
}

}  // namespace r1
