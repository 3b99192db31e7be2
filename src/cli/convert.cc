// r1 convert: a model in another form. So far: whatever --model may name, an adapter merged into its base, as a Hugging
// Face folder.
#include <filesystem>
#include <iostream>

#include "base/durable_file.h"
#include "base/error.h"
#include "cli/json_lines.h"
#include "cli/verbs.h"
#include "formats/model_path.h"
#include "model/parameters.h"
#include "train/checkpoint.h"

namespace r1 {

int run_convert(const ConvertFlags& f) {
  namespace fs = std::filesystem;
  if (f.out.empty()) fail_usage("no folder given: --out DIR");
  const fs::path out(f.out);
  if (fs::exists(out) && !(fs::is_directory(out) && fs::is_empty(out)))
    fail("{}: holds something already; name a new folder", f.out);
  use_threads(f.threads);
  const ModelFiles files = open_model_files(resolve_model(f.model));
  const ModelConfig config = read_config(files.config, files.generation_config, files.path);
  const ParameterLayout layout(config);
  const DType dtype = f.save_dtype == "f32" ? DType::f32 : DType::bf16;
  const fs::path parent = fs::absolute(out).parent_path();
  fs::create_directories(parent);
  require_free_space(parent.string(), static_cast<uint64_t>(layout.total()) * dtype_size(dtype));
  const Tensor weights = load_parameters(layout, files);
  write_folder_whole(fs::absolute(out), [&](const std::string& folder) {
    write_hf_folder(folder, files, named_tensors(layout, weights.as<float>()), dtype);
  });
  if (f.json)
    print_json_line({{"out", f.out},
                     {"parameters", layout.total()},
                     {"dtype", dtype_name(dtype)},
                     {"merged_adapter", files.adapter.has_value()}});
  else
    std::cout << f.out << "\n";
  return 0;
}

}  // namespace r1
