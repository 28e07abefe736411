# What a project can build with waggle, whichever way it took it up: the names are the same.

add_executable(program ../program.cpp)
target_link_libraries(program PRIVATE waggle::waggle)
add_library(linked SHARED ../library.cpp)
target_link_libraries(linked PRIVATE waggle::waggle)
add_library(plugin MODULE ../library.cpp)
target_link_libraries(plugin PRIVATE waggle::waggle)

if(TARGET waggle::sdk)
  add_executable(application ../application.cpp)
  target_link_libraries(application PRIVATE waggle::sdk linked)
endif()

foreach(target waggle_light_tests waggle_sdk_tests waggle_headers)
  if(TARGET ${target})
    message(FATAL_ERROR "waggle brings its own ${target} along")
  endif()
endforeach()
