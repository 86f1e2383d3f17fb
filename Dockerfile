# The course in a container:
#   docker build -t jax-course .
#   docker run --rm -it -p 8888:8888 jax-course                # make lab
#   docker run --rm -it jax-course make test
FROM python:3.13-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home student \
    && install -d -o student /home/student/jax-course
WORKDIR /home/student/jax-course
COPY --chown=student . .
USER student
RUN make data
EXPOSE 8888
CMD ["make", "lab", "LAB_ARGS=--no-browser --ip=0.0.0.0"]
