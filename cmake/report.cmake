# The report's page (src/runs/report) and the library that draws its charts, embedded in r1_runs.
find_file(R1_CHART_JS chart.min.js PATHS /usr/share/javascript/chart.js /usr/share/nodejs/chart.js/dist
          NO_DEFAULT_PATH REQUIRED)

function(r1_embed_report)
  set(dir ${CMAKE_SOURCE_DIR}/src/runs/report)
  set(files ${R1_CHART_JS} ${dir}/page.css ${dir}/page.js ${dir}/charts.js ${dir}/tables.js ${dir}/traces.js)
  set_source_files_properties(${dir}/assets.S PROPERTIES
    COMPILE_DEFINITIONS "R1_CHART_JS=\"${R1_CHART_JS}\";R1_PAGE_CSS=\"${dir}/page.css\";R1_PAGE_JS=\"${dir}/page.js\";R1_CHARTS_JS=\"${dir}/charts.js\";R1_TABLES_JS=\"${dir}/tables.js\";R1_TRACES_JS=\"${dir}/traces.js\""
    OBJECT_DEPENDS "${files}")
endfunction()
