// Compares this program with what PyTorch, transformers and TRL computed for a tiny model (goldens' README gives layout
// and tolerances). Everything is computed from the files each time, by the code that training runs.
#pragma once

#include <functional>
#include <string>

#include "kernels/compute.h"

namespace r1 {

struct GoldenCheck {
  std::string model, check;
  double error = 0, tolerance = 0;
  bool ok = false;
  std::string note;  // why a folder was not checked
};

// Runs every check of one folder, handing each to `report`. A family that is not supported gives one line, ok false,
// with a note.
void check_golden_folder(const std::string& folder, const Compute& compute,
                         const std::function<void(const GoldenCheck&)>& report);

}  // namespace r1
