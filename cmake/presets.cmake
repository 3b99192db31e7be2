# recipes/presets/*.toml as one source file, so that the program holds what one can read there.
file(GLOB preset_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/recipes/presets/*.toml)
set(preset_code "#include \"train/presets.h\"\nnamespace r1 {\n\
const std::vector<std::pair<std::string_view, std::string_view>>& preset_files() {\n\
static const std::vector<std::pair<std::string_view, std::string_view>> files = {\n")
foreach(preset ${preset_files})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${preset})
  file(READ ${preset} preset_text)
  cmake_path(GET preset STEM LAST_ONLY preset_name)
  string(APPEND preset_code "{\"${preset_name}\", R\"toml(${preset_text})toml\"},\n")
endforeach()
string(APPEND preset_code "};\nreturn files;\n}\n}  // namespace r1\n")
set(R1_PRESETS_SOURCE ${CMAKE_BINARY_DIR}/presets.cc)
file(GENERATE OUTPUT ${R1_PRESETS_SOURCE} CONTENT "${preset_code}")
