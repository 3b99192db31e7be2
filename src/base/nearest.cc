#include "base/nearest.h"

#include <algorithm>
#include <numeric>

namespace r1 {
namespace {

size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); i++) {
    size_t diagonal = row[0]++;
    for (size_t j = 1; j <= b.size(); j++) {
      const size_t change = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_name(const std::string& wanted, const std::vector<std::string>& names) {
  std::string best;
  size_t least = static_cast<size_t>(-1);
  for (const std::string& name : names)
    if (const size_t d = edit_distance(wanted, name); d < least) least = d, best = name;
  return best;
}

}  // namespace r1
