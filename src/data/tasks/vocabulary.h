// Words that several families take theirs from.
#pragma once

#include <string>
#include <vector>

namespace r1::tasks {

const std::vector<std::string>& plain_words();  // lower-case English nouns, all different
const std::vector<std::string>& first_names();  // none is part of another

}  // namespace r1::tasks
