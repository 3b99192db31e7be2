// r1 tokenize and r1 template: JSON lines in, JSON lines out.
#pragma once

#include <string>

namespace r1 {

// {"text"} -> {"ids"} a line (special tokens parsed, post-processor applied); with `decode` {"ids"} -> {"text"}.
int run_tokenize(const std::string& model, bool decode);
// {"messages","tools","add_generation_prompt","extra"} -> {"text"} or {"error"} a line.
int run_template(const std::string& template_file, const std::string& model);

}  // namespace r1
