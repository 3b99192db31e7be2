#include "base/nearest.h"

#include <gtest/gtest.h>

namespace r1 {
namespace {

TEST(NearestName, FindsTheLikeliest) {
  const std::vector<std::string> names = {"learning_rate", "max_steps", "beta", "temperature"};
  EXPECT_EQ(nearest_name("learnin_rate", names), "learning_rate");
  EXPECT_EQ(nearest_name("max_step", names), "max_steps");
  EXPECT_EQ(nearest_name("bata", names), "beta");
  EXPECT_EQ(nearest_name("tempertaure", names), "temperature");
  EXPECT_EQ(nearest_name("beta", names), "beta");
}

TEST(NearestName, TiesGoToTheFirstAndNoneGivesNothing) {
  EXPECT_EQ(nearest_name("b", {"ab", "cb"}), "ab");
  EXPECT_EQ(nearest_name("b", {"cb", "ab"}), "cb");
  EXPECT_EQ(nearest_name("x", {}), "");
  EXPECT_EQ(nearest_name("", {"abc", "d"}), "d");
}

}  // namespace
}  // namespace r1
