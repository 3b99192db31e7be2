#include "base/json.h"

R1_JSON_CODE(, nlohmann::basic_json<>)
R1_JSON_CODE(, nlohmann::basic_json<nlohmann::ordered_map>)
