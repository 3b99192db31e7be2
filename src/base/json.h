// JSON (nlohmann's library), with the code of its two types compiled once, in json.cc: every other file would compile
// the same parser and the same containers again.
#pragma once

#include <nlohmann/json.hpp>

#define R1_JSON_CODE(extern_, json)                                                 \
  extern_ template class json;                                                      \
  extern_ template class nlohmann::detail::serializer<json>;                        \
  extern_ template class nlohmann::detail::parser<                                  \
      json, nlohmann::detail::iterator_input_adapter<std::string::const_iterator>>; \
  extern_ template class nlohmann::detail::parser<json, nlohmann::detail::iterator_input_adapter<const char*>>;

R1_JSON_CODE(extern, nlohmann::basic_json<>)
R1_JSON_CODE(extern, nlohmann::basic_json<nlohmann::ordered_map>)
