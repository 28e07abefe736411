# Looks for the libraries of waggle::sdk, for the source tree and for the installed package alike.
# Sets waggle_libraries to the targets to link with, and waggle_missing to the packages not found.

set(waggle_libraries Threads::Threads CURL::libcurl ZLIB::ZLIB nlohmann_json::nlohmann_json
  ${CMAKE_DL_LIBS})
find_package(Threads QUIET)
find_package(CURL QUIET)
find_package(ZLIB QUIET)
find_package(nlohmann_json CONFIG QUIET)

set(waggle_missing "")
foreach(waggle_library IN LISTS waggle_libraries)
  if(waggle_library MATCHES "^(.+)::" AND NOT TARGET ${waggle_library})
    list(APPEND waggle_missing ${CMAKE_MATCH_1})
  endif()
endforeach()
