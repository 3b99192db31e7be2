// r1 convert: whatever --model may name, an adapter merged into its base, as a Hugging Face folder or a GGUF file.
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <iostream>

#include "base/durable_file.h"
#include "base/error.h"
#include "cli/json_lines.h"
#include "cli/verbs.h"
#include "formats/gguf_writer.h"
#include "formats/model_path.h"
#include "model/parameters.h"
#include "train/checkpoint.h"

namespace r1 {
namespace {

namespace fs = std::filesystem;

// "5GB", "200MB" or a number of bytes, as transformers reads max_shard_size.
uint64_t bytes_of(const std::string& text) {
  uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  const std::string unit(end, text.data() + text.size());
  const uint64_t scale = unit.empty()    ? 1
                         : unit == "KB"  ? 1000
                         : unit == "MB"  ? 1000'000
                         : unit == "GB"  ? 1000'000'000
                         : unit == "KiB" ? 1 << 10
                         : unit == "MiB" ? 1 << 20
                         : unit == "GiB" ? 1 << 30
                                         : 0;
  if (error != std::errc() || n == 0 || scale == 0 || n > (uint64_t{1} << 50) / scale)
    fail_usage("max_shard_size is \"{}\"; expected a size such as 5GB or 200MB", text);
  return n * scale;
}

// The model's weights, one at a time where nothing has to be merged. Borrows `files` and `layout`; `merged` holds what
// an adapter was merged into.
WeightStream weights_for(const ParameterLayout& layout, const ModelFiles& files, Tensor& merged) {
  if (files.adapter) {
    merged = load_parameters(layout, files);
    return stream_of(named_tensors(layout, merged.as<float>()));
  }
  WeightStream out;
  for (const Parameter& p : layout.all()) out.entries.push_back({p.name, p.shape});
  out.read = [&layout, read = weights_of(layout, files)](size_t i, std::vector<float>& scratch) {
    const Parameter& p = layout.all()[i];
    scratch.resize(static_cast<size_t>(p.size));
    read(p, scratch.data());
    return std::span<const float>(scratch);
  };
  return out;
}

DType dtype_of(const std::string& save_dtype) {
  return save_dtype == "f32" ? DType::f32 : save_dtype == "f16" ? DType::f16 : DType::bf16;
}
GgufFormat gguf_format_of(const std::string& save_dtype) {
  return save_dtype == "f32"    ? GgufFormat::f32
         : save_dtype == "f16"  ? GgufFormat::f16
         : save_dtype == "q8_0" ? GgufFormat::q8_0
                                : GgufFormat::bf16;
}

// One file that is there whole or not at all.
void write_gguf_whole(const fs::path& out, const ModelFiles& files, const WeightStream& weights, GgufFormat format) {
  const fs::path temporary = fmt::format("{}.tmp-{}", out.string(), getpid());
  write_gguf(temporary.string(), files, weights, format);
  fs::rename(temporary, out);
  sync_folder(out.parent_path().string());
}

void require_place(const fs::path& out, bool gguf) {
  if (gguf && fs::exists(out)) fail("{}: is there already; name a new file", out.string());
  if (!gguf && fs::exists(out) && !(fs::is_directory(out) && fs::is_empty(out)))
    fail("{}: holds something already; name a new folder", out.string());
}

}  // namespace

int run_convert(const ConvertFlags& f) {
  if (f.out.empty()) fail_usage("nothing to write to: --out DIR or --out FILE.gguf");
  const bool gguf = f.out.ends_with(".gguf");
  if (!gguf && f.save_dtype == "q8_0")
    fail_usage("save_dtype q8_0 is for --out FILE.gguf; folders take f32, f16, bf16");
  const uint64_t most = bytes_of(f.max_shard_size);
  const fs::path out = fs::absolute(f.out);
  require_place(f.out, gguf);
  use_threads(f.threads);
  const ModelFiles files = open_model_files(resolve_model(f.model));
  const ModelConfig config = read_config(files.config, files.generation_config, files.path);
  const ParameterLayout layout(config);
  const fs::path parent = out.parent_path();
  fs::create_directories(parent);
  require_free_space(parent.string(), static_cast<uint64_t>(layout.total()) * (f.save_dtype == "f32" ? 4 : 2));
  Tensor merged;
  const WeightStream weights = weights_for(layout, files, merged);
  if (gguf)
    write_gguf_whole(out, files, weights, gguf_format_of(f.save_dtype));
  else
    write_folder_whole(out, [&](const std::string& folder) {
      write_hf_folder(folder, files, weights, {.dtype = dtype_of(f.save_dtype), .max_shard_bytes = most});
    });
  if (f.json)
    print_json_line({{"out", f.out},
                     {"format", gguf ? "gguf" : "huggingface"},
                     {"parameters", layout.total()},
                     {"dtype", f.save_dtype},
                     {"merged_adapter", files.adapter.has_value()}});
  else
    std::cout << f.out << "\n";
  return 0;
}

}  // namespace r1
