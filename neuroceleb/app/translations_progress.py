"""The texts of the Progress tab, in English and Korean."""

EN: dict[str, str] = {
    "p_developing": "Loading the sheets …",
    "p_gone": "This run is not there any more:",
    "p_compare": "Compare with",
    "p_nothing": "nothing",
    "p_same_run": "this run, another epoch",
    "p_wipe": "Wipe",
    "p_side": "Side by side",
    "p_together": "Move together",
    "p_scrub_b": "Epoch of B",
    "p_rate": "Epochs a second",
    "p_kept": "weights kept",
    "p_best": "best",
    "p_resumed": "resumed",
    "p_face": "Face",
    "p_strip": "One face through the epochs",
    "p_with": "With the weights of epoch",
    "p_any_seed": "Any seed",
    "p_save_strip": "Save strip (PNG)",
    "p_axis": "x axis",
    "p_smooth": "Smoothing",
    "p_log": "Log scale",
    "p_variety": "Variety of the sheet",
    "p_speed": "Speed",
    "how_losses": "Each network's error: D's at telling photos from fakes, G's at fooling D. "
    "They pull against each other, so neither goes down to zero in a good run. Lines that "
    "wobble but stay in a band are fine; one that runs away is not.",
    "how_scores": "D gives each image a score: how sure it is that it is a photo. D(x) is of "
    "photos, D(G(z)) of generated faces, before and after D's own lesson of that step. Far "
    "apart: D sees through the fakes. Near one half, both: D can only guess.",
    "how_variety": "How different the 64 faces of a sheet are, measured against as many photos: "
    "1 is as varied. Nearest other dropping towards 0 is a collapse: all seeds give one face. "
    "Change is how far each face moved since the epoch before.",
    "how_speed": "Images a second while training. A drop means that the machine was busy with "
    "something else.",
    "how_quality": "Measured on the faces of that epoch, not from the losses; only some epochs "
    "are measured.",
    "q_well_formed": "Well-formed faces",
    "q_swd": "SWD: distance from the photos",
    "q_fid": "FID: distance from the photos",
    "q_kid": "KID: distance from the photos",
    "how_q_well_formed": "The share of faces in which a face detector finds eyes, nose and "
    "mouth in their places. Higher is better.",
    "how_q_swd": "How far the textures of generated faces are from those of photos, at several "
    "sizes. Lower is better.",
    "how_q_fid": "How far generated faces are, as a crowd, from photos. Lower is better.",
    "how_q_kid": "How far generated faces are, as a crowd, from photos; fairer than FID where "
    "there are few. Lower is better.",
    "p_timelapse": "Timelapse",
    "p_timelapse_what": "Show",
    "p_timelapse_sheet": "all faces",
    "p_timelapse_face": "one face",
    "p_timelapse_format": "Format",
    "p_timelapse_curves": "Curves beneath",
    "p_timelapse_make": "Make the timelapse",
    "p_timelapse_starting": "Starting …",
    "p_timelapse_ready": "Done.",
    "p_import": "Import an old run",
    "p_import_why": "A folder that the original script of 2017 wrote: its sheets "
    "(fake_samples_epoch_000.png …), result_dict.p and netG.pth. The folder is not changed, and "
    "a file that carries code is refused.",
    "p_import_folder": "Folder on this machine",
    "p_import_do": "Import",
    "p_importing": "Reading and checking every file …",
}

KO: dict[str, str] = {
    "p_developing": "시트를 불러오는 중 …",
    "p_gone": "이 학습은 더 이상 없습니다:",
    "p_compare": "비교할 것",
    "p_nothing": "없음",
    "p_same_run": "이 학습의 다른 에포크",
    "p_wipe": "닦아 보기",
    "p_side": "나란히",
    "p_together": "함께 움직이기",
    "p_scrub_b": "B의 에포크",
    "p_rate": "초당 에포크",
    "p_kept": "가중치 저장됨",
    "p_best": "최고",
    "p_resumed": "이어서 학습",
    "p_face": "얼굴",
    "p_strip": "에포크에 따른 얼굴 하나",
    "p_with": "이 에포크의 가중치로:",
    "p_any_seed": "아무 시드",
    "p_save_strip": "띠 저장 (PNG)",
    "p_axis": "가로축",
    "p_smooth": "부드럽게",
    "p_log": "로그 눈금",
    "p_variety": "시트의 다양함",
    "p_speed": "속도",
    "how_losses": "두 신경망의 오류입니다. D는 사진과 가짜를 가려내는 데서, G는 D를 속이는 데서 "
    "틀린 만큼입니다. 서로 맞서므로 잘 되는 학습에서는 어느 쪽도 0으로 가지 않습니다. 흔들려도 "
    "일정한 폭 안에 있으면 괜찮고, 한쪽이 치솟으면 좋지 않습니다.",
    "how_scores": "D는 이미지를 보고 사진이라고 얼마나 확신하는지 말합니다. D(x)는 사진에 대한 "
    "점수, D(G(z))는 생성된 얼굴에 대한 점수로, 그 단계에서 D가 배우기 전과 후입니다. 멀리 "
    "떨어져 있으면 D가 가짜를 꿰뚫어 보는 것이고, 둘 다 0.5에 가까우면 D는 찍을 수밖에 없습니다.",
    "how_variety": "시트의 64개 얼굴이 얼마나 서로 다른지를 같은 수의 사진과 견준 값으로, 1이면 "
    "사진만큼 다양합니다. 가장 가까운 얼굴과의 거리가 0으로 떨어지면 붕괴입니다. 변화는 앞 "
    "에포크에서 얼마나 달라졌는지입니다.",
    "how_speed": "학습하는 동안 초당 이미지 수입니다. 떨어졌다면 컴퓨터가 다른 일로 바빴던 "
    "것입니다.",
    "how_quality": "손실이 아니라 그 에포크의 얼굴로 잰 값이며, 일부 에포크만 잽니다.",
    "q_well_formed": "제대로 된 얼굴",
    "q_swd": "SWD: 사진과의 거리",
    "q_fid": "FID: 사진과의 거리",
    "q_kid": "KID: 사진과의 거리",
    "how_q_well_formed": "얼굴 검출기가 눈, 코, 입을 제자리에서 찾아낸 얼굴의 비율입니다. "
    "높을수록 좋습니다.",
    "how_q_swd": "생성된 얼굴의 질감이 사진의 질감과 얼마나 다른지를 여러 크기에서 잰 값입니다. "
    "낮을수록 좋습니다.",
    "how_q_fid": "생성된 얼굴 전체가 사진 전체와 얼마나 다른지입니다. 낮을수록 좋습니다.",
    "how_q_kid": "생성된 얼굴 전체가 사진 전체와 얼마나 다른지로, 수가 적을 때 FID보다 "
    "공정합니다. 낮을수록 좋습니다.",
    "p_timelapse": "타임랩스",
    "p_timelapse_what": "보여 줄 것",
    "p_timelapse_sheet": "모든 얼굴",
    "p_timelapse_face": "얼굴 하나",
    "p_timelapse_format": "형식",
    "p_timelapse_curves": "아래에 곡선",
    "p_timelapse_make": "타임랩스 만들기",
    "p_timelapse_starting": "시작하는 중 …",
    "p_timelapse_ready": "다 되었습니다.",
    "p_import": "예전 학습 가져오기",
    "p_import_why": "2017년 원본 스크립트가 만든 폴더: 시트(fake_samples_epoch_000.png …), "
    "result_dict.p, netG.pth. 폴더는 바뀌지 않으며, 코드가 든 파일은 거부합니다.",
    "p_import_folder": "이 컴퓨터의 폴더",
    "p_import_do": "가져오기",
    "p_importing": "모든 파일을 읽고 확인하는 중 …",
}
